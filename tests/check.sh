#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check.sh BUILD_FOLDER [SUITE]...: unit tests, then (without SUITE) tests/cli; the last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
shift
export LSAN_OPTIONS="suppressions=$PWD/tests/lsan.supp:print_suppressions=0" ASAN_OPTIONS=detect_leaks=1
# Time limits end hung tests; they must not judge a busy machine.
export CK_DEFAULT_TIMEOUT=60 CK_TIMEOUT_MULTIPLIER=5
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
"$build/unit_tests" "$@" >"$logs/unit" 2>&1 &
unit=$!
if [ $# = 0 ]; then
    for script in tests/cli/*.sh; do
        [ "$(basename "$script")" = lib.sh ] && continue
        echo "== $script"
        bash "$script" "$build" 2>&1 | tee "$logs/$(basename "$script")"
    done
fi
echo "== unit tests"
wait $unit
status=$?
cat "$logs/unit"
passed=0 failed=0
for log in "$logs"/*; do
    if read -r p f < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$log" | tail -n 1) && [ -n "$p" ]; then
        passed=$((passed + p)) failed=$((failed + f))
    else
        echo "$(basename "$log") did not come to its end" >&2
        failed=$((failed + 1))
    fi
done
[ "$status" = 0 ] || [ "$failed" != 0 ] || failed=1
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
