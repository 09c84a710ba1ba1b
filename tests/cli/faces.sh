#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The faces: help of every command, valid JSON, formats, predictions, models, runs, resume, interruption.
. "$(dirname "$0")/lib.sh"
in=$work/in
vehicle=$root/examples/vehicle/train.csv
vehicle_test=$root/examples/vehicle/test.csv
get() { "$json" "$work/out" "$@"; } # a value of the JSON on standard output
is() {                              # NAME WANT KEY...
    local name=$1 want=$2 have
    shift 2
    have=$(get "$@" 2>&1)
    if [ "$have" = "$want" ]; then good; else bad "$name" "'$have' instead of '$want'"; fi
}
first_trial() { # RUNS: waits until there are more than so many and the newest, number `last`, has a trial
    local began=$SECONDS
    while ((SECONDS - began < 200)); do
        sleep 0.1
        "$assay" runs --json >"$work/runs" 2>/dev/null
        last=$(($("$json" "$work/runs" runs) - 1))
        [ $last -ge "$1" ] && [ "$("$json" "$work/runs" runs $last trials)" -gt 0 ] 2>/dev/null && return
    done
}
run_json() { expect "$1" 0 "${@:2}" && check "$1: valid JSON" "$json" "$work/out"; }

# ---- help ------------------------------------------------------------------------------------
expect 'version' 0 "$assay" --version
check 'version names itself' grep -Eq '^assay [0-9]+\.[0-9]+\.[0-9]+$' "$work/out"
expect 'no command' 2 "$assay"
expect 'help' 0 "$assay" help
cp "$work/out" "$work/overview"
expect '--help' 0 "$assay" --help
check 'help and --help agree' cmp -s "$work/out" "$work/overview"
run_json 'help as JSON' "$assay" help --json
for command in run classify regress init explain predict leaderboard profile machine runs resume learners metrics gc help; do
    check "overview names $command" grep -Eq "^  $command( |$)" "$work/overview"
    expect "help $command" 0 "$assay" help $command
    check "help $command shows usage" grep -q "^usage: assay $command" "$work/out"
    cp "$work/out" "$work/one"
    [ $command = help ] && continue # its help is the overview
    expect "$command --help" 0 "$assay" $command --help
    check "help $command agrees" cmp -s "$work/out" "$work/one"
    check "man page names $command" grep -q "$command" "$root/docs/assay.1"
    for option in $(grep -o '^  --[a-z]*' "$work/one"); do
        grep -q -e "\\\\-\\\\-${option#--}" "$root/docs/assay.1" || bad "man page" "lacks $option of $command"
    done
done

# The man page lists each command with its summary, formats and options as the help does, in the same order.
for command in run classify regress init explain predict leaderboard profile machine runs resume learners metrics gc help; do
    "$assay" help $command >"$work/one" 2>&1
    section=$(sed -n "/^\.SS assay $command\( \|\$\)/,/^\.S[SH] /p" "$root/docs/assay.1" | sed '1d;$d;s/\\f[BIR]//g' | tr -d '\\')
    in_help=$(grep -o '^  --[a-z]*' "$work/one" | tr -d ' ' | tr '\n' ' ')
    in_man=$(grep '^Options:' <<<"$section" | grep -o -e '--[a-z]*' | tr '\n' ' ')
    [ "$in_help" = "$in_man" ] && good || bad "man page of $command" "has options '$in_man' where the help has '$in_help'"
    summary=$(sed -n 3p "$work/one")
    grep -Fqi -- "$summary" <<<"$section" && good || bad "man page of $command" "lacks '$summary'"
    formats=$(sed -n 's/^formats: //p' "$work/one" | sed 's/,/, /g')
    grep -Fq -- "Formats: $formats." <<<"$section" && good || bad "man page of $command" "lacks the formats '$formats'"
done

# ---- what there is, as text and as JSON ---------------------------------------------------------
for command in machine runs learners metrics gc; do
    expect "$command" 0 "$assay" $command
    run_json "$command --json" "$assay" $command --json
done
expect 'learners gbdt' 0 "$assay" learners gbdt
check 'parameters of gbdt' grep -q 'learning_rate' "$work/out"
for name in constant ridge elastic_net logistic gaussian_nb multinomial_nb knn tree forest extra_trees gbdt mlp; do
    expect "learner $name" 0 "$assay" learners $name --json
done
run "$assay" metrics
for name in accuracy balanced_accuracy f1 f1_macro log_loss roc_auc roc_auc_ovr average_precision brier mcc rmse mae r2 mape median_ae rmsle; do
    check "metric $name" grep -q "^$name " "$work/out"
done
expect 'machine record' 0 "$assay" machine --record recorded.json
check 'recorded machine is JSON' "$json" recorded.json
expect 'profile' 0 "$assay" profile "$vehicle" --target Class
run_json 'profile --json' "$assay" profile "$vehicle" --target Class --json
is 'rows of the profile' 677 rows
is 'columns of the profile' 19 columns
expect 'profile into a file' 0 "$assay" profile "$vehicle" --out profile.txt
check 'profile file' test -s profile.txt

# ---- plans ---------------------------------------------------------------------------------------
expect 'explain' 0 "$assay" explain classify "$vehicle" --target Class
for args in '--costs off' "--machine recorded.json" "--topology 'numa:2 core:8 pu:1'"; do
    eval "set -- $args"
    expect "explain $1" 0 "$assay" explain classify "$vehicle" --target Class "$@"
done
run_json 'explain --json' "$assay" explain classify "$vehicle" --target Class --json
check 'steps of the plan' get steps 0 way
expect 'explain --format dot' 0 "$assay" explain classify "$vehicle" --target Class --format dot
check 'dot is a graph' grep -q '^digraph' "$work/out"

# ---- nothing can be learned: the model is the first of the board ----------------------------------------
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 80; i++) print i * 37 % 83 "," i * i * 11 % 71 "," (i * i * i + 5 * i) * 29 % 97 }' >noise.csv
for ensemble in false true; do
    run_json "noise, ensemble $ensemble" "$assay" regress noise.csv --target y --trials 2 --learners tree --set search.ensemble=$ensemble --json --catalog :memory: --model noise.assay
    is "first of the board, ensemble $ensemble" "$(get leaderboard 0 model)" best model
    is "its score, ensemble $ensemble" "$(get leaderboard 0 validation)" best validation
    [ $ensemble = true ] || is 'nothing beats the constant' constant best learner
    expect "its model predicts, ensemble $ensemble" 0 "$assay" predict noise.assay noise.csv
done

# ---- a run, its board, its model --------------------------------------------------------------------
run_json 'classify' "$assay" classify "$vehicle" --target Class --test "$vehicle_test" --trials 3 --learners logistic,tree,gaussian_nb --seed 3 \
    --model v.assay --report v.html --json
is 'task' classify task
is 'target' Class target
is 'rows' 677 rows
is 'classes' 4 classes
is 'metric' log_loss metric
is 'first rank' 1 leaderboard 0 rank
check 'says where the model is' grep -q '^saved as v.assay; next: assay predict v.assay new.csv$' "$work/err"
check 'report is a page' grep -qi '^<!doctype html' v.html
best=$(get best model)
validation=$(get best validation)
trials=$(($(get trials finished) + $(get trials pruned) + $(get trials failed)))
[ "$trials" = 3 ] && good || bad 'trials' "$trials configs instead of 3"

expect 'again' 0 "$assay" classify "$vehicle" --target=Class --trials=3 --learners=logistic,tree,gaussian_nb --seed=3 --threads 1 --json
is 'repeatable' "$validation" best validation
check 'model id is told' grep -Eq '^saved as m[0-9]+; next: assay predict m[0-9]+ new.csv$' "$work/err"
again=$(get best model)
line=$(get leaderboard 2 model)
refused 'a line that was not kept' 2 "model '$line' .*use '$again', the best of r2" "$assay" predict "$line" "$vehicle_test"

run_json 'runs' "$assay" runs --json
is 'two runs' 2 runs
is 'first run' r1 runs 0 run
is 'finished' finished runs 0 state
for format in table md html json csv; do
    expect "leaderboard $format" 0 "$assay" leaderboard r1 --format $format --out board.$format
    check "board.$format" test -s board.$format
done
check 'board.json' "$json" board.json
check 'board.csv has a header' grep -q '^rank,' board.csv
expect 'leaderboard of the latest' 0 "$assay" leaderboard
check 'board names the best' grep -q 'logistic\|tree\|gaussian_nb\|ensemble' "$work/out"
expect 'failed trials' 0 "$assay" leaderboard r1 --failed
run_json 'leaderboard --test' "$assay" leaderboard r1 --test "$vehicle_test" --json

# ---- predictions ----------------------------------------------------------------------------------------
expect 'predict' 0 "$assay" predict v.assay "$vehicle_test" --out p.csv
check 'header' grep -qx prediction <(head -n 1 p.csv)
check 'one line a row' test "$(wc -l <p.csv)" = "$(wc -l <"$vehicle_test")"
check 'classes only' test -z "$(tail -n +2 p.csv | grep -vxE 'bus|opel|saab|van')"
for model in v.assay "$best" r1; do
    expect "predict by $model" 0 "$assay" predict "$model" "$vehicle_test"
    check "$model predicts the same" cmp -s "$work/out" p.csv
done
expect 'predict by latest' 0 "$assay" predict latest "$vehicle_test"
expect 'predict from standard input' 0 bash -c "exec '$assay' predict v.assay - < '$vehicle_test'"
check 'standard input predicts the same' cmp -s "$work/out" p.csv
expect 'probabilities' 0 "$assay" predict v.assay "$vehicle_test" --proba
check 'header of probabilities' grep -qx 'proba_bus,proba_opel,proba_saab,proba_van' <(head -n 1 "$work/out")
check 'probabilities sum to 1' awk -F, 'NR>1{s=$1+$2+$3+$4; if (s<0.999999||s>1.000001) exit 1}' "$work/out"
run_json 'predict --json' "$assay" predict v.assay "$vehicle_test" --json
is 'column of the JSON' prediction columns 0
is 'first prediction' "$(sed -n 2p p.csv)" rows 0 0
run_json 'predict --proba --explain --json' "$assay" predict v.assay "$vehicle_test" --proba --explain 2 --json
is 'columns of the JSON' 9 columns
awk -F, 'BEGIN{OFS=","} {print "extra" NR, $0}' "$vehicle_test" >wider.csv
expect 'extra columns are ignored' 0 "$assay" predict v.assay wider.csv
check 'extra columns change nothing' cmp -s "$work/out" p.csv
sed '1q' "$vehicle_test" >header.csv
refused 'no rows to predict' 2 'header.csv.*no data row' "$assay" predict v.assay header.csv

# ---- specification: init, run -------------------------------------------------------------------------------
cp "$vehicle" here.csv
expect 'init' 0 "$assay" init here.csv --target Class --out here.yaml
expect 'the written specification runs' 0 "$assay" run here.yaml --trials 1 --learners gaussian_nb --set output.leaderboard=b.csv
check 'leaderboard file' grep -q '^rank,' b.csv
run_json 'init --json' "$assay" init here.csv --target Class --json
cat here.csv >in.csv
expect 'data from standard input' 0 bash -c "exec '$assay' classify - --target Class --trials 1 --learners tree < in.csv"
expect 'plain progress' 0 "$assay" classify here.csv --target Class --trials 1 --learners tree --progress plain
check 'plain progress shows phases' grep -q '^searching ' "$work/err"
expect 'regress' 0 "$assay" regress "$root/examples/housing/train.csv" --target price --trials 2 --learners ridge,tree --json
is 'regression has no classes' rmse metric
expect 'no catalog on disk' 0 "$assay" classify here.csv --target Class --trials 1 --learners tree --catalog :memory:
check 'says that nothing is saved' grep -q '^the model is not saved' "$work/err"

# ---- interruption and resume ------------------------------------------------------------------------------------
expect 'resume of a finished run' 0 "$assay" resume r1 --json
is 'changes nothing' "$validation" best validation
run "$assay" runs --json
runs=$(get runs)
"$assay" classify "$vehicle" --target Class --time 300s --json >cut.json 2>"$work/err" &
pid=$!
first_trial "$runs"
id=$("$json" "$work/runs" runs $last run)
refused 'resume of a run that is alive' 2 "$id.*running" "$assay" resume "$id"
kill -INT $pid
wait $pid
status=$?
seconds=$("$json" cut.json elapsed_s | awk '{ printf "%d", $1 + 3 }')
[ "$status" = 130 ] && good || bad 'interrupted' "status $status instead of 130"
run_json 'runs after the interruption' "$assay" runs --json
is 'state interrupted' interrupted runs $last state
before=$(get runs $last trials)
expect 'predict with the best so far' 0 "$assay" predict "$id" "$vehicle_test"
run_json 'resume' "$assay" resume "$id" --time ${seconds}s --json
is 'the same run' "$id" run
run "$assay" runs --json
check 'no trial lost' test "$(get runs $last trials)" -ge "$before"
is 'now finished' finished runs $last state
echo 'more,1,owner,1,1,married,no,fixed,1,1,1,1,1,1' >"$in/x"
cp "$root/examples/credit/train.csv" changing.csv
"$assay" classify changing.csv --target status --time 60s >/dev/null 2>&1 &
pid=$!
first_trial $((last + 1))
kill -KILL $pid
wait $pid 2>/dev/null
cat "$in/x" >>changing.csv
refused 'resume with other data' 2 'changed' "$assay" resume latest
finish
