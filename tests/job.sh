#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# job.sh BUILD_FOLDER LOGS JOB: runs a unit suite, or the script of tests/cli of that name. Its counts go to LOGS/JOB.end, to the
# output one line and what it had to say, if it failed or skipped something. One that does not come to its end has failed.
set -u
build=$1 logs=$2 job=$3
began=$(date +%s)
case $job in
*.sh) timeout -k 10 1200 bash "tests/cli/$job" "$build" ;;
*) OPENBLAS_NUM_THREADS=1 "$build/unit_tests" "$job" ;; # as the library sets it, but before its threads begin to wait
esac >"$logs/$job.log" 2>&1
status=$?
counts=$(tail -n 1 "$logs/$job.log" | grep -E '^[0-9]+ passed, [0-9]+ failed$')
case $counts in
'') counts='0 passed, 1 failed' why=", did not come to its end (status $status)" ;;
*', 0 failed') [ "$status" = 0 ] && why='' || { counts=${counts%, *}', 1 failed' why=", status $status"; } ;;
*) why='' ;;
esac
echo "$counts" >"$logs/$job.end"
said=$(grep -i skipped "$logs/$job.log")
[ "${counts##*, }" = '0 failed' ] || said=$(cat "$logs/$job.log")
printf '%-16s %s, %d s%s\n%s' "$job" "$counts" $(($(date +%s) - began)) "$why" "${said:+$said
}"
exit 0
