#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Time limits, memory limits and signals. A run ends within 1.02 x its limit + 0.5 s, RSS stays within 1.1 x its limit + 64 MB,
# Ctrl-C ends it in about a second with the best so far, and resume goes on from there.
# usage: limits.sh BUILD_FOLDER [RUNS]
set -u
export LC_ALL=C
assay=$(cd "${1:?usage: $0 BUILD_FOLDER [RUNS]}" && pwd)/assay
runs=${2:-3}
work=$(mktemp -d "${TMPDIR:-/tmp}/assay-limits-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export HOME=$work XDG_DATA_HOME=$work/data ASSAY_CATALOG=$work/catalog.db
passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() { # NAME WHY
    failed=$((failed + 1))
    printf 'limits: %s: %s\n' "$1" "$2" >&2
    [ ! -s err ] || sed 's/^/    stderr: /' err | head -n 5 >&2
}
rows() { # N FEATURES
    awk -v n="$1" -v p="$2" 'BEGIN { srand(3); for (j = 0; j < p; j++) printf "x%d,", j; print "y"; for (i = 0; i < n; i++) { s = 0;
        for (j = 0; j < p; j++) { x = rand(); if (j < 4) s += x; printf "%.5f,", x } print (s + 0.5 * rand() > 2.2 ? "yes" : "no") } }'
}
number() { # KEY: of the run's JSON
    grep -o "\"$1\": *[0-9.e+-]*" out | head -n 1 | grep -o '[0-9.e+-]*$'
}
now() { date +%s%N; }
rows 3000 8 >middle.csv
rows 40000 20 >large.csv
head -n 1001 middle.csv >middle.test.csv
head -n 8001 large.csv >large.test.csv

# Sanitizers slow the books and the exit several times, which no plan knows: their builds get as much again.
slack=0
grep -q __asan_init "$assay" && slack=2000

# ---- time ----------------------------------------------------------------------------------------
# The seconds that this machine does not give a process that only sleeps excuse a run.
lost() { # SECONDS: what sleeping lost in that time, into the file "lost"
    local from sum=0
    local until=$(($(now) + $1 * 1000000000))
    while from=$(now) && ((from < until)); do
        sleep 0.01
        local late=$(($(now) - from - 60000000))
        ((late > 0)) && sum=$((sum + late))
    done
    echo $sum >lost
}
for ((i = 0; i < runs; i++)); do
    limit=$((2 + RANDOM % (i < 3 ? 3 : 29)))
    table=$([ $((i % 2)) = 0 ] && echo middle || echo large)
    lost $limit &
    from=$(now)
    "$assay" classify $table.csv --target y --test $table.test.csv --time ${limit}s --threads 2 --progress none --json >out 2>err
    status=$?
    ms=$((($(now) - from) / 1000000))
    wait
    allowed=$((limit * 1020 + 500 + slack + $(cat lost) / 1000000))
    # the ensemble's line weighs 1, its members 1 together; a model alone weighs 1
    weights=$(grep -o '"weight": *[0-9.e+-]*' out | grep -o '[0-9.e+-]*$' | awk '{ s += $1 } END { print (s > 0.999 && s < 1.001) || (s > 1.999 && s < 2.001) ? "whole" : s }')
    if [ $status != 0 ]; then
        bad "$table for $limit s" "status $status"
    elif [ "$weights" != whole ]; then
        bad "$table for $limit s" "weights add up to $weights"
    elif [ $ms -gt $allowed ]; then
        bad "$table for $limit s" "took $ms ms of $allowed"
    else
        good
    fi
done
# Thousands of cheap trials: their books, the leaderboard above all, must fit the limit, too.
head -n 201 middle.csv >tiny.csv
lost 4 &
from=$(now)
"$assay" classify tiny.csv --target y --learners gaussian_nb --time 4s --threads 2 --progress none --json >out 2>err
status=$?
ms=$((($(now) - from) / 1000000))
wait
allowed=$((4580 + slack + $(cat lost) / 1000000))
if [ $status = 0 ] && [ $ms -le $allowed ] && [ "$(number finished)" -gt 200 ]; then
    good
else
    bad "many cheap trials" "status $status, $ms ms of $allowed, $(number finished) trials"
fi
"$assay" classify large.csv --target y --time 10ms --progress none >out 2>err
[ $? = 3 ] && good || bad "10 ms" "the target cannot have been read: status 3 is expected"

# ---- memory --------------------------------------------------------------------------------------
# The sanitizers' shadow memory counts as resident, so neither limit nor reserve mean anything in their builds.
limits="64 96"
grep -q __asan_init "$assay" && limits= && echo "limits: sanitized build, memory limits are not judged"
for limit in $limits; do
    "$assay" classify large.csv --target y --time 5s --memory ${limit}MiB --threads 2 --progress none --json >out 2>err
    status=$?
    rss=$(number peak_rss_bytes)
    rss=$((${rss:-0} / 1000000))
    if [ $status != 0 ]; then
        bad "$limit MiB" "status $status"
    elif [ $rss -gt $((limit * 11534 / 10000 + 64)) ]; then
        bad "$limit MiB" "$rss MB of memory"
    else
        good
    fi
done

# A tiny address space: the process ends with a word, also where a library's own threads got no memory.
for kb in ${limits:+60000 80000 150000 300000 900000}; do
    (ulimit -v $kb && exec timeout -k 5 30 "$assay" classify middle.csv --target y --trials 2 --learners tree,logistic --progress none --catalog :memory:) >out 2>err
    status=$?
    case $status in
    0) good ;;
    1 | 2 | 3) [ "$(grep -c '^assay: ' err)" -ge 1 ] && good || bad "address space of $kb KB" "status $status without a word" ;;
    124 | 137) bad "address space of $kb KB" 'hangs' ;;
    *) bad "address space of $kb KB" "status $status" ;;
    esac
done

# ---- signals -------------------------------------------------------------------------------------
# Early and late; with few runs one signal each and few rows, with more both.
head -n $((runs > 3 ? 3001 : 601)) middle.csv >signal.csv
for signal in INT TERM; do
    for at in 0.2 1.3; do
        [ $runs -gt 3 ] || [ "$signal $at" = 'INT 0.2' ] || [ "$signal $at" = 'TERM 1.3' ] || continue
        rm -rf signal.db*
        "$assay" classify signal.csv --target y --trials 12 --seed 3 --threads 2 --progress none --catalog signal.db >out 2>err &
        pid=$!
        sleep $at
        from=$(now)
        kill -$signal $pid 2>/dev/null
        wait $pid
        status=$?
        ms=$((($(now) - from) / 1000000))
        if [ $status = 0 ]; then
            good # it was faster than the signal
        elif [ $status != 130 ]; then
            bad "$signal at $at s" "status $status instead of 130"
        elif [ $ms -gt 3000 ]; then
            bad "$signal at $at s" "ended after $ms ms"
        elif ! timeout 120 "$assay" resume r1 --catalog signal.db --progress none >out 2>err; then
            bad "$signal at $at s" "resume fails"
        else
            good
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
