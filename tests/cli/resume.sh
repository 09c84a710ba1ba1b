#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Signals to a real process, and going on: finished, interrupted, limits that extend and limits that do not.
. "$(dirname "$0")/lib.sh"
get() { "$json" "$work/out" "$@"; }
says() { # NAME PATTERN: on standard error
    if grep -Eq -e "$2" "$work/err"; then good; else bad "$1" "standard error does not match /$2/"; fi
}
equal() { # NAME HAVE WANT
    if [ "$2" = "$3" ]; then good; else bad "$1" "'$2' instead of '$3'"; fi
}
run_of() { # INDEX KEY: of the list of runs
    "$assay" runs --json >"$work/runs" 2>/dev/null
    "$json" "$work/runs" runs "$1" "$2" 2>/dev/null
}
started() { # INDEX: waits for the first trial of that run
    for ((i = 0; i < 300; i++)); do
        [ "$(run_of "$1" trials)" -gt 0 ] 2>/dev/null && return 0
        sleep 0.1
    done
    return 1
}
at_least() { # NAME HAVE WANT
    if awk -v a="$2" -v b="$3" 'BEGIN { exit !(a >= b) }'; then good; else bad "$1" "'$2' is less than '$3'"; fi
}
on_board() { # FILE: configs that the report knows of
    echo $(($("$json" "$1" trials finished) + $("$json" "$1" trials pruned) + $("$json" "$1" trials failed)))
}
ascending() { # NAME FILE: the timeline, in seconds and in scores
    local n i last_s=0 last_v=-1 s v
    n=$("$json" "$2" timeline)
    for ((i = 0; i < n; i++)); do
        s=$("$json" "$2" timeline $i 0) v=$("$json" "$2" timeline $i 1)
        awk -v a="$last_s" -v b="$s" -v c="$last_v" -v d="$v" 'BEGIN { exit !(a <= b && c < d) }' ||
            { bad "$1" "[$s, $v] follows [$last_s, $last_v]"; return; }
        last_s=$s last_v=$v
    done
    good
}
# What an interruption has shown, going on must not lose. The ensemble is chosen anew from more: its score may waver a little.
nothing_lost() { # NAME BEFORE AFTER
    at_least "$1: no trial is lost" "$(on_board "$3")" "$(on_board "$2")"
    at_least "$1: nor a line of the board" "$("$json" "$3" leaderboard)" \
        $(($("$json" "$2" leaderboard) - $(grep -c '"learner": *"ensemble"' "$2")))
    at_least "$1: the best is no worse" "$("$json" "$3" best validation)" \
        "$(awk -v b="$("$json" "$2" best validation)" 'BEGIN { print b - 2e-4 }')"
    at_least "$1: the largest memory of both" "$("$json" "$3" peak_rss_bytes)" "$("$json" "$2" peak_rss_bytes)"
    ascending "$1: the timeline ascends" "$3"
}
awk 'BEGIN { srand(3); for (j = 0; j < 8; j++) printf "x%d,", j; print "y"; for (i = 0; i < 3000; i++) { s = 0;
    for (j = 0; j < 8; j++) { x = rand(); if (j < 4) s += x; printf "%.5f,", x } print (s + 0.5 * rand() > 2.2 ? "yes" : "no") } }' >t.csv
c="classify t.csv --target y --threads 2 --seed 3"

# ---- a run limited by trials -------------------------------------------------------------------------
expect 'a run of trials' 0 "$assay" $c --trials 3 --learners logistic,tree,gaussian_nb --json
equal 'as many configs as asked' $(($(get trials finished) + $(get trials pruned) + $(get trials failed))) 3
expect 'finished' 0 "$assay" resume r1 --json
says 'nothing to do is told' "^assay: run r1 is finished with 3 trials and stays as it is; a higher limit on trials"
equal 'nothing is done' "$(get trials finished)" 3
expect 'fewer trials' 0 "$assay" resume r1 --trials 2
says 'fewer trials are told' "^assay: run r1 is finished with 3 trials, so a limit of 2 does not extend it"
expect 'a time for a run of trials' 0 "$assay" resume r1 --time 50s
says 'a time is told' "run r1 is finished .* a time does not"
expect 'more trials' 0 "$assay" resume r1 --trials 5 --json
equal 'as many configs as asked in all' $(($(get trials finished) + $(get trials pruned) + $(get trials failed))) 5
equal 'still one run' "$("$assay" runs --json | tee "$work/runs" >/dev/null; "$json" "$work/runs" runs)" 1

# ---- the first signal ends cleanly, the second at once --------------------------------------------------
"$assay" $c --time 200s --progress none --json >out 2>"$work/err" &
pid=$!
started 1 || bad 'first signal' 'no trial in 30 s'
equal 'running' "$(run_of 1 state)" running
kill -INT $pid
wait $pid
equal 'status after one signal' $? 130
check 'the report of the best so far' "$json" out best validation
says 'which is told' '^assay: interrupted; this is the best so far'
says 'the model told is that of the report' "saved as $("$json" out best model);"
equal 'interrupted' "$(run_of 1 state)" interrupted
before=$(run_of 1 trials)
refused 'a time that is spent' 2 "run 'r2' has worked for .*a limit of 100ms leaves it none" "$assay" resume r2 --time 100ms
refused 'a limit on trials for a run of time' 2 "run 'r2' has no limit on trials" "$assay" resume r2 --trials 9
equal 'refusing changes nothing' "$(run_of 1 state) $(run_of 1 trials)" "interrupted $before"
equal 'nor is the score lost' "$(run_of 1 best)" "$("$json" out best validation)"
mv t.csv away.csv
refused 'data that is away' 2 'cannot open' "$assay" resume r2
mv away.csv t.csv
equal 'data that is away changes nothing' "$(run_of 1 state)" interrupted
seconds=$(awk -v s="$("$json" out elapsed_s)" 'BEGIN { printf "%d", s + 3 }')
expect 'some more time' 0 "$assay" resume r2 --time ${seconds}s --progress none --json
equal 'finished now' "$(run_of 1 state)" finished
check 'no trial is lost' test "$(run_of 1 trials)" -ge "$before"
nothing_lost 'some more time' out "$work/out"
expect 'less time than spent' 0 "$assay" resume r2 --time 1s
says 'less time is told' "^assay: run r2 is finished after .*, so a limit of 1s does not extend it; give more than"
equal 'the score of what was saved' "$(run_of 1 best)" "$("$json" "$work/runs" runs 1 best)"


# ---- at the end of its time: waves that are done in part are taken over, and nothing can be fitted again ------------
"$assay" $c --time 6s --progress none --json >late.json 2>"$work/err" &
pid=$!
sleep 5.2
kill -INT $pid
wait $pid
equal 'interrupted late' $? 130
expect 'what is left of the time' 0 "$assay" resume r3 --progress none --json
nothing_lost 'late' late.json "$work/out"

began=$SECONDS
"$assay" $c --time 200s --progress none >/dev/null 2>"$work/err" &
pid=$!
started 3 || bad 'second signal' 'no trial in 30 s'
from=$(date +%s%N)
kill -INT $pid
kill -INT $pid 2>/dev/null
wait $pid
status=$?
ms=$((($(date +%s%N) - from) / 1000000)) seconds=$((SECONDS - began + 4))
equal 'status after two signals' $status 130
[ $ms -lt 1000 ] && good || bad 'second signal' "took $ms ms"
equal 'cut off counts as interrupted' "$(run_of 3 state)" interrupted
expect 'and goes on' 0 "$assay" resume r4 --progress none --time ${seconds}s

# ---- other test data: the saved model, its parts, the weights of the task ---------------------------------------
awk 'BEGIN { srand(8); print "x,z,w,y"; for (i = 0; i < 600; i++) { x = rand(); z = rand(); y = x + z * z + 0.6 * rand() > 1.1 ? "b" : "a";
    print x "," z "," (i % 3 ? 1 : 4) "," (i % 50 == 7 ? "" : y) } }' >all.csv
head -n 401 all.csv >wt.csv
(head -n 1 all.csv; tail -n 200 all.csv) >wn.csv
cat >w.yaml <<'END'
assay: 1
task: classify
data: {train: wt.csv, test: wn.csv, target: y, weights: w}
search: {trials: 6, learners: [logistic, tree, gaussian_nb], seed: 2}
END
expect 'a weighted run' 0 "$assay" run w.yaml --json
says 'test rows without a target are told' '4 test rows without a target are left out'
cp "$work/out" weighted.json
expect 'its model on the same test data' 0 "$assay" leaderboard latest --test wn.csv --json
equal 'has the same score' "$(get best test)" "$("$json" weighted.json best test)"
n=$(get leaderboard)
for ((i = 0; i < n; i++)); do
    [ "$(get leaderboard $i weight)" = 0 ] ||
        equal "line $i has the same score" "$(get leaderboard $i test)" "$("$json" weighted.json leaderboard $i test)"
done
cut -d, -f1,2,4 wn.csv >unweighted.csv
refused 'test data without the weights' 2 "lacks column 'w', the weights" "$assay" leaderboard latest --test unweighted.csv

# ---- gc: of one problem the newest finished run stays extensible --------------------------------------------
expect 'another run of trials' 0 "$assay" $c --trials 3 --learners logistic,tree,gaussian_nb
expect 'gc' 0 "$assay" gc --json
check 'which frees something' test "$(get bytes_after)" -lt "$(get bytes_before)"
check 'predictions of trials' test "$(get predictions)" -gt 0
expect 'the older one is shown' 0 "$assay" leaderboard r1
expect 'and predicts' 0 "$assay" predict r1 t.csv
refused 'but is not extended' 2 "dropped by 'assay gc'; start a new run" "$assay" resume r1 --trials 9
equal 'and stays finished' "$(run_of 0 state)" finished
expect 'the newest is' 0 "$assay" resume r6 --trials 5 --json
equal 'by as many as asked' $(($(get trials finished) + $(get trials pruned) + $(get trials failed))) 5
refused 'a size that is none' 2 "size 'much' makes no sense" "$assay" gc --size much
expect 'a cap' 0 "$assay" gc --size 1KiB --json
check 'which drops old runs' test "$(get runs)" -gt 0
equal 'but not the newest' "$(run_of 0 run)" r6

# ---- a failed run ------------------------------------------------------------------------------------------
printf 'a,y\n1,p\n2,p\n3,p\n' >one.csv
expect 'a run that fails' 2 "$assay" classify one.csv --target y
equal 'is no finished one' "$(run_of 1 state)" interrupted
equal 'but failed' "$(run_of 1 failed)" true
check 'its error is kept' grep -q 'one.csv' <(run_of 1 error)
finish
