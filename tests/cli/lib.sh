# SPDX-License-Identifier: Apache-2.0
# What the scripts beside this one share. Each is started as: SCRIPT BUILD_FOLDER, works in a folder of its own, and ends
# with "N passed, N failed". Sourced by bash.
set -u
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "${1:?usage: $0 BUILD_FOLDER}" && pwd)
suite=$(basename "$0" .sh)
work=$(mktemp -d "${TMPDIR:-/tmp}/assay-$suite-XXXXXX")
trap 'cd /; chmod -R u+rwX "$work" 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/in" "$work/now"
chmod 755 "$work" "$work/bin" "$work/in"
cp "$build/assay" "$work/bin/assay" # where another user can start it too
assay=$work/bin/assay
json=$build/tests/json
cd "$work/now" || exit 1
export HOME=$work XDG_DATA_HOME=$work/data XDG_CACHE_HOME=$work/cache ASSAY_CATALOG=$work/catalog.db TERM=dumb
export LSAN_OPTIONS="suppressions=$root/tests/lsan.supp:print_suppressions=0" ASAN_OPTIONS="detect_leaks=1:${ASAN_OPTIONS:-}"
unset ASSAY_DATA_DIR
passed=0 failed=0 skipped=0

good() {
    passed=$((passed + 1))
}

bad() { # NAME WHY
    failed=$((failed + 1))
    printf '%s: %s: %s\n' "$suite" "$1" "$2" >&2
    [ ! -s "$work/err" ] || sed 's/^/    stderr: /' "$work/err" | head -n 12 | cut -c1-400 >&2
}

skip() { # NAME WHY
    skipped=$((skipped + 1))
    printf '%s: %s: skipped: %s\n' "$suite" "$1" "$2" >&2
}

# run COMMAND...: status, $work/out, $work/err
run() {
    "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$?
}

# expect NAME STATUS COMMAND...: the status, and no sanitizer report
expect() {
    local name=$1 want=$2
    shift 2
    run "$@"
    if [ "$status" != "$want" ]; then
        bad "$name" "status $status instead of $want"
    elif grep -q -e 'Sanitizer' -e 'runtime error:' "$work/err"; then
        bad "$name" "a sanitizer reports"
    else
        good
        return 0
    fi
    return 1
}

# check NAME COMMAND...: the command succeeds
check() {
    local name=$1
    shift
    if "$@" >"$work/check" 2>&1; then
        good
    else
        bad "$name" "fails: $* $(head -c 300 "$work/check")"
    fi
}

# refused NAME STATUS PATTERN COMMAND...: that status (or one of 2|3), one line on standard error that matches the
# extended regular expression, nothing on standard output, nothing new in this folder.
refused() {
    local name=$1 want=$2 pattern=$3 before after lines
    shift 3
    before=$(find . | sort)
    run "$@"
    after=$(find . | sort)
    grep -v '^assay: warning: ' "$work/err" >"$work/lines"
    lines=$(wc -l <"$work/lines")
    case "|$want|" in
    *"|$status|"*) ;;
    *) bad "$name" "status $status instead of $want" && return ;;
    esac
    if [ "$lines" != 1 ]; then
        bad "$name" "$lines lines on standard error instead of one"
    elif ! grep -Eq '^assay: ' "$work/lines"; then
        bad "$name" "the line does not begin with 'assay: '"
    elif ! grep -Eq -e "$pattern" "$work/lines"; then
        bad "$name" "the line does not match /$pattern/"
    elif [ -s "$work/out" ]; then
        bad "$name" "something on standard output"
    elif [ "$before" != "$after" ]; then
        bad "$name" "leaves files: $(comm -13 <(echo "$before") <(echo "$after") | tr '\n' ' ')"
    else
        good
    fi
}

finish() {
    [ "$skipped" = 0 ] || echo "$suite: $skipped skipped"
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}
