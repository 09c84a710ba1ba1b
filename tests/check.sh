#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check.sh BUILD_FOLDER [SUITE]...: the unit suites and (without SUITE) the scripts of tests/cli, each a job, as many at a time
# as there are processors. A line a job as they end, what failed once more at the end; the last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
shift
export LSAN_OPTIONS="suppressions=$PWD/tests/lsan.supp:print_suppressions=0" ASAN_OPTIONS=detect_leaks=1
# Time limits end hung tests; they must not judge a busy machine.
export CK_DEFAULT_TIMEOUT=60 CK_TIMEOUT_MULTIPLIER=5
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
# What takes longest begins first, so that nothing long is left for the end; all others follow.
longest='limits.sh kill.sh laws resume.sh trees_grow examples.sh faces.sh learners trees_fit engine_run contributions'
jobs() {
    if [ $# -gt 0 ]; then
        printf '%s\n' "$@"
        return
    fi
    { "$build/unit_tests" --list && (cd tests/cli && ls -- *.sh | grep -vx lib.sh); } >"$logs/all"
    printf '%s\n' $longest | grep -Fxf "$logs/all"
    printf '%s\n' $longest | grep -vFxf - "$logs/all"
}
jobs "$@" >"$logs/jobs"
xargs -P "$(nproc)" -n 1 tests/job.sh "$build" "$logs" <"$logs/jobs"
passed=0 failed=0
while read -r job; do
    if read -r p f < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$logs/$job.end" 2>/dev/null) && [ -n "$p" ]; then
        passed=$((passed + p)) failed=$((failed + f))
    else
        p=0 f=1
        failed=$((failed + 1))
    fi
    [ "$f" = 0 ] || grep -Ev "skipped|0 failed$" "$logs/$job.log" | head -n 20 | sed "s/^/$job: /" >>"$logs/what_failed"
done <"$logs/jobs"
[ -s "$logs/jobs" ] || failed=1
cat "$logs/what_failed" 2>/dev/null # once more, where the end of the log is all that is left
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
