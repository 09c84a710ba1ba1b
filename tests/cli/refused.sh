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

# ---- keys without effect ------------------------------------------------------------------------------------
d='data: {train: good.csv, target: y}'
at 'a loss under classify' 4:31 "'gbdt.loss' has no effect under classify" 'task: classify' "$d" 'search: {space: {gbdt: {loss: poisson}}}'
at 'alpha under classify' 4:32 "'gbdt.alpha' has no effect under classify" 'task: classify' "$d" 'search: {space: {gbdt: {alpha: 0.3}}}'
at 'a criterion under regress' 4:36 "'tree.criterion' has no effect under regress" 'task: regress' 'data: {train: values.csv, target: y}' 'search: {space: {tree: {criterion: entropy}}}'
at 'a space for another task' 4:33 "'logistic' does not regress" 'task: regress' 'data: {train: values.csv, target: y}' 'search: {space: {logistic: {l2: 1}}}'
at 'a condition that cannot hold' '4:4[0-9]' "'logistic.l1' has an effect only where penalty=elastic_net" 'task: classify' "$d" 'search: {space: {logistic: {penalty: l2, l1: 0.5}}}'
at 'a condition of two words' '4:4[0-9]' "'gbdt.alpha' has an effect only where loss=huber|quantile" 'task: regress' 'data: {train: values.csv, target: y}' 'search: {space: {gbdt: {loss: squared, alpha: 0.5}}}'
at 'repeats beside time' 4:41 "'search.validation.repeats' has no effect beside 'time'" 'task: classify' "$d" 'search: {validation: {time: w, repeats: 3}}'
at 'monotone for other learners' 6:13 "'data.monotone' has no effect on the learners" 'task: classify' 'data:' '  train: good.csv' '  target: y' '  monotone: {a: 1}' 'search: {learners: [logistic]}'
at 'monotone and left out' 7:13 "'a' is left out by 'data.ignore'" 'task: classify' 'data:' '  train: good.csv' '  target: y' '  ignore: [a]' '  monotone: {a: 1}'
at 'a type and left out' 7:10 "'a' is left out by 'data.ignore'" 'task: classify' 'data:' '  train: good.csv' '  target: y' '  ignore: [a]' '  types: {a: text}'
for ((i = 0; i < 60; i++)); do echo "$((i % 2)) 1:$((i * 7 % 11)) 3:$((i % 5))"; done >"$in/sparse.libsvm"
{ printf '@relation r\n@attribute a numeric\n@attribute y {p,q}\n@data\n'; for ((i = 0; i < 40; i++)); do echo "$i,$([ $((i % 2)) = 0 ] && echo p || echo q)"; done; } >"$in/t.arff"
for key in 'header: yes' 'delimiter: ";"' 'missing: [x]' 'types: {f1: text}' 'ignore: [f1]' 'monotone: {f1: 1}'; do
    at "${key%%:*} of a libsvm file" '3:[0-9]+' "'data.${key%%:*}' has no effect on a libsvm file" 'task: classify' "data: {train: sparse.libsvm, $key}"
done
for key in 'header: yes' 'delimiter: ";"'; do
    at "${key%%:*} of an ARFF file" '3:[0-9]+' "'data.${key%%:*}' has no effect on an ARFF file" 'task: classify' "data: {train: t.arff, target: y, $key}"
done
at 'standard input twice' 3:35 'cannot both come from standard input' 'task: classify' 'data: {train: -, target: y, test: -}'
at 'a model over its data' 4:17 "would overwrite '.*good.csv'" 'task: classify' "$d" 'output: {model: good.csv}'
at 'two outputs in one file' 4:32 "the same file" 'task: classify' "$d" 'output: {model: a.out, report: a.out}'
at 'an unknown ending' 4:23 "names no format" 'task: classify' "$d" 'output: {leaderboard: b.xyz}'
r 'a model on standard output' 2 'cannot go to standard output' $c --model - $long
expect 'a space that is left out' 0 "$assay" $c --trials 1 --learners tree --set 'search.space.knn={n_neighbors: 3}' --json
says 'is told' "^assay: warning: the space of 'knn' has no effect"
check 'and is in the JSON' grep -q "the space of 'knn' has no effect" "$work/out"
expect 'monotone and others' 0 "$assay" $c --trials 2 --learners gbdt,logistic --set 'data.monotone={a: 1}'
says 'is told' "'data.monotone' binds tree learners only"
expect 'prices alone' 0 "$assay" $c --trials 1 --learners tree --set 'resources.prices={cpu_hour: 1}'
says 'are told' "'resources.prices' has no effect"
expect 'a default that is spelt out' 0 "$assay" $c --trials 1 --learners gbdt --set 'search.space.gbdt.loss=auto'
expect 'a group that is no feature' 0 "$assay" classify "$in/good.csv" --target y --trials 1 --learners tree --set 'data.ignore=[w,g]' --set search.validation.group=g
expect 'a time that is no feature' 0 "$assay" classify "$in/good.csv" --target y --trials 1 --learners tree --set 'data.ignore=[w,g]' --set search.validation.time=w --model time.assay
cut -d, -f1-3 "$in/good.csv" >rest.csv
expect 'and is not wanted for predictions' 0 "$assay" predict time.assay rest.csv
expect 'all trials fail' 0 "$assay" regress "$in/values.csv" --target y --learners gbdt --set 'search.space.gbdt.loss=poisson' $long
says 'and why' '^assay: warning: all [0-9]+ trials failed, the first because the poisson loss needs targets of at least 0'
finish
