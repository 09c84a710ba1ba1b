#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What cannot work is refused before any search, with the place of its cause; what would have no effect is not ignored.
. "$(dirname "$0")/lib.sh"
in=$work/in
get() { "$json" "$work/out" "$@"; }
says() { # NAME PATTERN: on standard error
    if grep -Eq -e "$2" "$work/err"; then good; else bad "$1" "standard error does not match /$2/"; fi
}
r() { # NAME STATUS PATTERN ARGUMENTS OF ASSAY...; a limit of 300 s: what begins a search is ended by the timeout
    local name=$1 want=$2 pattern=$3
    shift 3
    refused "$name" "$want" "$pattern" timeout 20 "$assay" "$@"
}
rows() { # N
    echo 'a,b,c,w,g,y'
    for ((i = 0; i < $1; i++)); do echo "$((i * 37 % 101)).5,$((i * 53 % 23)),$((i % 3 == 0 ? 1 : 2))x,$((i % 5)),p$((i % 9)),$((i * 37 % 101 > 50 ? 1 : 0))n"; done
}
rows 80 >"$in/good.csv"
awk 'BEGIN {print "a,b,y"; for (i = 0; i < 60; i++) print i * 37 % 101 "," i % 7 "," (i == 41 ? -2 : i * 13 % 29)}' >"$in/values.csv"
sed 's/-2$/2/' "$in/values.csv" >"$in/positive.csv"
long="--time 300s --progress none"

# ---- metrics and the values they are for ---------------------------------------------------------
r 'rmsle below 0' 2 "values.csv: metric 'rmsle' is for targets of 0 and more, but data row 42 has -2; .*another metric" \
    regress "$in/values.csv" --target y --metric rmsle $long
expect 'rmsle from 0 on' 0 "$assay" regress "$in/positive.csv" --target y --metric rmsle --trials 1 --learners ridge
r 'rmsle below 0 in the test data' 2 "values.csv: metric 'rmsle' .*row 42" \
    regress "$in/positive.csv" --target y --metric rmsle --test "$in/values.csv" $long
expect 'mape at 0' 0 "$assay" regress "$in/positive.csv" --target y --metric mape --trials 1 --learners ridge
says 'zeros under mape are told' "^assay: warning: metric 'mape' is for targets other than 0, but [0-9]+ rows .*row 1 the first"

# ---- test data: at the start -------------------------------------------------------------------------
c="classify $in/good.csv --target y --set data.ignore=[w,g]"
cut -d, -f1,3,6 "$in/good.csv" >"$in/lacks.csv"
cut -d, -f1-3 "$in/good.csv" >"$in/untargeted.csv"
head -n 1 "$in/good.csv" >"$in/norow.csv"
sed '9s/^[^,]*/many/' "$in/good.csv" >"$in/words.csv"
sed '2,$s/,[^,]*$/,/' "$in/good.csv" >"$in/unlabelled.csv"
sed 's/,w,/,v,/' "$in/good.csv" >"$in/weightless.csv"
sed '12s/,[^,]*,\([^,]*,[^,]*\)$/,-1,\1/' "$in/good.csv" >"$in/badweight.csv"
r 'test lacks a column' 2 "lacks.csv: the test data lacks column 'b'" $c --test "$in/lacks.csv" $long
r 'test lacks the target' 2 "untargeted.csv: the test data lacks column 'y', the target" $c --test "$in/untargeted.csv" $long
r 'test without rows' 2 "norow.csv:2: there is a header but no data row" $c --test "$in/norow.csv" $long
r 'test with words' 2 "words.csv:9:1: cell 'many' of numeric column 'a'" $c --test "$in/words.csv" $long
r 'test without labels' 2 "unlabelled.csv: the target 'y' is missing in every row" $c --test "$in/unlabelled.csv" $long
r 'test missing' 2 "cannot open 'nowhere.csv'" $c --test nowhere.csv $long
r 'test without weights' 2 "weightless.csv: the test data lacks column 'w', the weights" \
    classify "$in/good.csv" --target y --set data.weights=w --test "$in/weightless.csv" $long
r 'test with a negative weight' 2 "badweight.csv: weight column 'w' .*row 11" \
    classify "$in/good.csv" --target y --set data.weights=w --test "$in/badweight.csv" $long
awk 'BEGIN {print "a,b,c,y"; for (i = 0; i < 300000; i++) print i * 37 % 101 ".25," i % 23 "," i % 3 "," i % 2 "n"}' >"$in/large.csv"
cut -d, -f1,3,4 "$in/large.csv" >"$in/large_lacks.csv"
r 'a large test file lacks a column' 2 "large_lacks.csv: the test data lacks column 'b'" \
    classify "$in/good.csv" --target y --test "$in/large_lacks.csv" --memory 100MiB $long
expect 'test from a pipe' 0 bash -c "exec '$assay' $c --test - --trials 1 --learners tree --json < '$in/good.csv'"
case $(get best test) in null | '') bad 'test from a pipe' 'has no score' ;; *) good ;; esac

# ---- causes in a specification ------------------------------------------------------------------------
at() { # NAME LINE:COLUMN PATTERN LINES...: the error is at that place of the specification
    local name=$1 where=$2 pattern=$3
    shift 3
    printf '%s\n' 'assay: 1' "$@" >"$in/spec.yaml"
    r "place of $name" 2 "^assay: .*/spec.yaml:$where: .*$pattern" run "$in/spec.yaml" $long
}
at 'a target' 5:11 "no column 'yy'; did you mean 'y'" 'task: classify' 'data:' '  train: good.csv' '  target: yy'
at 'a file' 4:10 'cannot open' 'task: classify' 'data:' '  train: nowhere.csv' '  target: y'
at 'a kind of file' 4:10 'not read' 'task: classify' 'data:' '  train: spec.yaml' '  target: y'
at 'a test file' 6:9 'cannot open' 'task: classify' 'data:' '  train: good.csv' '  target: y' '  test: nowhere.csv'
at 'an ignored column' 6:11 "'aa'.*'a'" 'task: classify' 'data:' '  train: good.csv' '  target: y' '  ignore: [aa]'
at 'a type' 6:10 "'cc'" 'task: classify' 'data:' '  train: good.csv' '  target: y' '  types: {cc: text}'
at 'weights' 6:12 "'ww'" 'task: classify' 'data:' '  train: good.csv' '  target: y' '  weights: ww'
at 'weights that are words' 6:12 "'c' .*no number" 'task: classify' 'data:' '  train: good.csv' '  target: y' '  weights: c'
at 'a positive class' 6:13 "'maybe'" 'task: classify' 'data:' '  train: good.csv' '  target: y' '  positive: maybe'
at 'class weights' 6:18 "'2n'" 'task: classify' 'data:' '  train: good.csv' '  target: y' '  class_weights: {2n: 3}'
at 'monotone' 6:13 "'c'" 'task: classify' 'data:' '  train: good.csv' '  target: y' '  monotone: {c: 1}'
at 'a metric' 4:22 "'r2'|r2" 'task: classify' 'data: {train: good.csv, target: y}' 'objective: {maximize: r2}'
at 'a metric for two classes' 4:23 "f1" 'task: classify' 'data: {train: good.csv, target: g}' 'objective: {maximize: f1}'
at 'a group' 6:12 "'gg'" 'task: classify' 'data: {train: good.csv, target: y}' 'search:' '  validation:' '    group: gg'
at 'a time' 6:11 "'tt'" 'task: classify' 'data: {train: good.csv, target: y}' 'search:' '  validation:' '    time: tt'
at 'an output' 4:17 "nowhere" 'task: classify' 'data: {train: good.csv, target: y}' 'output: {model: nowhere/m.assay}'
at 'a disabled way' 4:22 "gbdt.fitt" 'task: classify' 'data: {train: good.csv, target: y}' 'optimizer: {disable: [gbdt.fitt]}'
at 'too many folds' 4:30 "fold" 'task: classify' 'data: {train: good.csv, target: y}' 'search: {validation: {folds: 900}}'
finish
