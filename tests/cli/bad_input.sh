#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Bad input: every case gets status 2 (or 3), one clear line, and no partial output.
. "$(dirname "$0")/lib.sh"
in=$work/in

# ---- material -------------------------------------------------------------------------
rows() { # a good table of N rows
    echo 'a,b,c,y'
    for ((i = 0; i < $1; i++)); do echo "$((i * 37 % 101)).5,$((i * 53 % 97)),$((i % 3 == 0 ? 1 : 2))x,$(((i * 37 % 101 > 50) != (i % 10 == 0) ? 1 : 0))n"; done
}
rows 60 >"$in/good.csv"
rows 1 >"$in/one_row.csv"
rows 0 >"$in/header.csv"
sed '2,$s/,[^,]*$/,/' "$in/good.csv" >"$in/no_target.csv"
sed '2,$s/,[^,]*$/,same/' "$in/good.csv" >"$in/one_class.csv"
sed '30s/$/,extra,cells/' "$in/good.csv" >"$in/ragged.csv"
sed '30s/,.*//' "$in/good.csv" >"$in/short.csv"
sed '30s/^/"/' "$in/good.csv" >"$in/open_quote.csv"
sed '1s/.*/a,b,b,y/' "$in/good.csv" >"$in/duplicate.csv"
cut -d, -f4 "$in/good.csv" >"$in/only_target.csv"
: >"$in/empty.csv"
head -c 20000 "$work/bin/assay" >"$in/binary.csv"
printf 'a,b,y\n1,\0002,x\n' >"$in/nul.csv"
mkdir "$in/folder.csv"
printf '1 1:2 3:4\n2 3:1 1:5\n' >"$in/order.libsvm"
printf '1 1:2\n0 x:4\n' >"$in/index.libsvm"
printf '1 0:2\n0 -1:4\n' >"$in/zero.libsvm"
printf '@relation r\n@attribute a numeric\n@attribute y {p,q}\n@data\n1,p\n2,z\n' >"$in/nominal.arff"
printf '@relation r\n@attribute a numeric\n1,2\n' >"$in/nodata.arff"
cp "$in/good.csv" "$in/good.xyz"
awk 'NR==1{print "y,a"} NR>1{print (NR%2?"text":"more") ",", NR}' "$in/good.csv" >"$in/words.csv"

spec() { # NAME LINES...: a specification
    local file=$in/$1.yaml
    shift
    printf '%s\n' "$@" >"$file"
}
d="data: {train: good.csv, target: y}"
spec good 'assay: 1' 'task: classify' "$d" 'search: {trials: 2}'
spec empty ''
spec scalar 'just text'
spec list '- a' '- b'
spec tab 'assay: 1' $'\ttask: classify'
spec unclosed 'assay: 1' 'data: {train: good.csv'
spec twice 'assay: 1' 'task: classify' 'task: regress' "$d"
spec unknown 'assay: 1' 'task: classify' "$d" 'serach: {trials: 2}'
spec nested 'assay: 1' 'task: classify' "$d" 'search: {trails: 2}'
spec version 'assay: 9' 'task: classify' "$d"
spec kind 'assay: 1' 'task: clasify' "$d"
spec notask 'assay: 1' "$d"
spec nodata 'assay: 1' 'task: classify'
spec notarget 'assay: 1' 'task: classify' 'data: {train: good.csv}'
spec type 'assay: 1' 'task: classify' "$d" 'search: {trials: many}'
spec map 'assay: 1' 'task: classify' 'data: good.csv'
spec both 'assay: 1' 'task: classify' "$d" 'objective: {maximize: roc_auc, minimize: log_loss}'
spec metric 'assay: 1' 'task: classify' "$d" 'objective: {maximize: roc_acu}'
spec direction 'assay: 1' 'task: classify' "$d" 'objective: {maximize: log_loss}'
spec othertask 'assay: 1' 'task: classify' "$d" 'objective: {minimize: rmse}'
spec learner 'assay: 1' 'task: classify' "$d" 'search: {learners: [gbtd]}'
spec space 'assay: 1' 'task: classify' "$d" 'search: {space: {gbdt: {num_leafs: [3, 5]}}}'
spec range 'assay: 1' 'task: classify' "$d" 'search: {space: {gbdt: {learning_rate: {low: 1, high: 0.1}}}}'
spec limits 'assay: 1' 'task: classify' "$d" 'search: {validation: {folds: 5, holdout: 0.2}}'
spec grouptime 'assay: 1' 'task: classify' "$d" 'search: {validation: {group: a, time: b}}'
spec latency 'assay: 1' 'task: classify' "$d" 'objective: {subject_to: {predict_latency: 50us}}'
spec price 'assay: 1' 'task: classify' "$d" 'objective: {minimize: price, subject_to: {roc_auc: ">= 0.9"}}'
spec ignoretarget 'assay: 1' 'task: classify' 'data: {train: good.csv, target: y, ignore: [y]}'
spec weights 'assay: 1' 'task: classify' 'data: {train: good.csv, target: y, weights: zz}'
spec typeof 'assay: 1' 'task: classify' 'data: {train: good.csv, target: y, types: {a: float}}'
printf 'a: &a [x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c]\n' >"$in/bomb.yaml"
{ for ((i = 0; i < 3000; i++)); do printf '['; done; echo; } >"$in/deep.yaml"
head -c 3000 /dev/urandom >"$in/noise.yaml"

c="classify $in/good.csv --target y"
r() { # NAME STATUS PATTERN ARGUMENTS OF ASSAY...
    local name=$1 want=$2 pattern=$3
    shift 3
    refused "$name" "$want" "$pattern" "$assay" "$@"
}

# ---- usage ------------------------------------------------------------------------------
r 'unknown command' 2 "no command 'clasify'.*'classify'" clasify x
r 'no such word' 2 "no command 'xyzzy'" xyzzy
r 'option for a command' 2 "stands where a command should" --time 3
r 'unknown option' 2 "no option '--tmie'.*'--time'" $c --tmie 3
r 'option elsewhere' 2 "'--proba' does not belong to 'classify'" $c --proba
r 'option of run with predict' 2 "'--time' does not belong" predict m1 x --time 3
r 'value missing' 2 "'--time' needs a value" $c --time
r 'value empty' 2 "'--time' has an empty value" $c --time=
r 'flag with value' 2 "'--json' takes no value" $c --json=yes
r 'no data' 2 "needs more arguments" classify
r 'too many' 2 "one argument too many" $c other.csv
r 'help of nothing' 2 "no command 'nothing'" help nothing
r 'format' 2 "'yaml' is not a format of 'classify'" $c --format yaml
r 'format of explain' 2 "'html' is not a format of 'explain'" explain $c --format html
r 'progress' 2 "'loud' is not a way to show progress" $c --progress loud
r 'set without =' 2 "is not KEY=VALUE" $c --set search.trials
r 'set unknown' 2 "serach" $c --set serach.trials=3
r 'set wrong' 2 "trials" $c --set search.trials=abc
r 'explain number' 2 "'many' is not a number" predict m1 x --explain many
r 'init without target' 2 "needs the column" init "$in/good.csv"
r 'analyze' 2 "not supported yet" explain $c --analyze
r 'calibrate' 2 "not supported yet" machine --calibrate
r 'explain kind' 2 "'guess' is not a kind of task" explain guess x.csv
r 'costs' 2 "neither on nor off" explain $c --costs maybe

# ---- values of options ---------------------------------------------------------------------
r 'time word' 2 "--time" $c --time soon
r 'time negative' 2 "--time" $c --time -5s
r 'time zero' 2 "--time" $c --time 0
r 'trials zero' 2 "--trials" $c --trials 0
r 'trials fraction' 2 "--trials" $c --trials 2.5
r 'memory unit' 2 "--memory" $c --memory 2Gigs
r 'memory tiny' '2|3' "memory" $c --memory 1KiB --trials 2
r 'folds one' 2 "--folds" $c --folds 1
r 'threads zero' 2 "--threads" $c --threads 0
r 'metric' 2 "roc_acu.*roc_auc" $c --metric roc_acu
r 'metric of regression' 2 "rmse" $c --metric rmse
r 'learner' 2 "gbtd.*gbdt" $c --learners gbtd
r 'device absent' 2 "opencl:7" $c --devices opencl:7
r 'positive' 2 "maybe" $c --positive maybe --trials 2
r 'target unknown' 2 "'z'" classify "$in/good.csv" --target z --trials 2
r 'seed' 2 "--seed" $c --seed x
r 'ignored column' 2 "data.ignore names column 'aa'.*'a'" $c --trials 2 --set 'data.ignore=[aa]'
r 'disabled way' 2 "optimizer.disable names 'gbdt.fitt'" $c --trials 2 --set 'optimizer.disable=[gbdt.fitt]'

# ---- specifications --------------------------------------------------------------------------
r 'spec missing' 2 "nowhere.yaml" run nowhere.yaml
r 'spec folder' 2 "folder" run "$in/folder.csv"
for name in empty scalar list tab unclosed twice unknown nested version kind notask nodata notarget type map both metric direction \
    othertask learner space range limits grouptime latency price ignoretarget weights typeof bomb deep noise; do
    case $name in
    unknown) pattern="unknown.yaml:4:1: .*serach.*search" ;;
    nested) pattern="nested.yaml:4:10: .*trails.*trials" ;;
    kind) pattern="kind.yaml:2:7: .*clasify.*classify" ;;
    type) pattern="type.yaml:4:" ;;
    metric) pattern="metric.yaml:4:.*roc_acu.*roc_auc" ;;
    learner) pattern="learner.yaml:4:.*gbtd.*gbdt" ;;
    space) pattern="space.yaml:4:.*num_leafs.*num_leaves" ;;
    twice) pattern="twice.yaml:3:1" ;;
    notask) pattern="notask.yaml:1:8: .*names no task" ;;
    nodata) pattern="nodata.yaml:1:8: .*names no data" ;;
    notarget) pattern="notarget.yaml:3:15: .*good.csv' is named as the target" ;;
    unclosed | tab) pattern="$name.yaml:[0-9]+:[0-9]+: " ;;
    latency) pattern="not supported yet" ;;
    price) pattern="price" ;;
    weights) pattern="zz" ;;
    *) pattern="." ;;
    esac
    r "spec $name" 2 "$pattern" run "$in/$name.yaml"
done
r 'spec bad test file' 2 "nowhere.csv" run "$in/good.yaml" --test nowhere.csv

# ---- data --------------------------------------------------------------------------------------
t="--target y --trials 2"
r 'data missing' 2 "nowhere.csv" classify nowhere.csv $t
r 'data folder' 2 "folder" classify "$in/folder.csv" $t
for name in one_row header no_target one_class ragged short open_quote duplicate only_target empty binary nul; do
    case $name in
    ragged | short | open_quote) pattern="$name.csv:[0-9]+" ;;
    duplicate) pattern="'b'" ;;
    one_class | no_target) pattern="'?y'?|class|target" ;;
    *) pattern="." ;;
    esac
    r "data $name" 2 "$pattern" classify "$in/$name.csv" $t
done
r 'data ending' 2 "xyz" classify "$in/good.xyz" $t
for name in order index zero; do r "libsvm $name" 2 "$name.libsvm:[12]" classify "$in/$name.libsvm" --trials 2; done
printf '1 1:2\n0 2:4\n' >"$in/ok.libsvm"
r 'libsvm with target' 2 "target" classify "$in/ok.libsvm" $t
r 'profile of libsvm with target' 2 "'target' cannot be named" profile "$in/ok.libsvm" --target target
r 'init of libsvm with target' 2 "'f1' cannot be named" init "$in/ok.libsvm" --target f1
for name in nominal nodata; do r "arff $name" 2 "$name.arff:[0-9]" classify "$in/$name.arff" $t; done
r 'regress words' 2 "number|numeric|regress" regress "$in/words.csv" $t
r 'test lacks column' 2 "'?[ab]'?" $c --trials 2 --test "$in/only_target.csv"
r 'test empty' 2 "empty.csv" $c --trials 2 --test "$in/empty.csv"
r 'profile missing' 2 "nowhere" profile nowhere.csv
r 'profile binary' 2 "binary" profile "$in/binary.csv"
r 'init target' 2 "'z'" init "$in/good.csv" --target z
r 'no rows on standard input' 2 "." classify - $t

# A cell of 1e999 or Inf in a numeric column is not a number; the whole is refused or the cell is missing, never a crash.
sed '5s/^[^,]*/1e999/;6s/^[^,]*/Inf/;7s/^[^,]*/NaN/' "$in/good.csv" >"$in/huge.csv"
run "$assay" classify "$in/huge.csv" $t
case $status in
0) good ;;
2) r 'infinite cells' 2 "huge.csv|1e999|Inf" classify "$in/huge.csv" $t ;;
*) bad 'infinite cells' "status $status" ;;
esac

# ---- models --------------------------------------------------------------------------------------
expect 'a model' 0 "$assay" $c --trials 2 --learners logistic --model "$in/m.assay"
size=$(stat -c %s "$in/m.assay" 2>/dev/null || echo 100)
head -c $((size / 2)) "$in/m.assay" >"$in/half.assay"
head -c 10 "$in/m.assay" >"$in/ten.assay"
: >"$in/none.assay"
for at in 0 9 $((size / 3)) $((size / 2)) $((size - 3)); do
    cp "$in/m.assay" "$in/flip.assay"
    byte=$(od -An -tu1 -j "$at" -N 1 "$in/m.assay")
    printf "\\x$(printf %x $((byte ^ 16)))" | dd of="$in/flip.assay" bs=1 seek="$at" conv=notrunc status=none
    r "model with a flipped bit at $at" 2 "flip.assay" predict "$in/flip.assay" "$in/good.csv"
done
for name in half ten none; do r "model $name" 2 "$name.assay" predict "$in/$name.assay" "$in/good.csv"; done
{ cat "$in/m.assay" && echo more; } >"$in/longer.assay"
r 'model with a tail' 2 "longer.assay" predict "$in/longer.assay" "$in/good.csv"
r 'model is data' 2 "good.csv" predict "$in/good.csv" "$in/good.csv"
r 'model missing' 2 "nowhere.assay" predict nowhere.assay "$in/good.csv"
r 'model folder' 2 "folder" predict "$in/folder.csv" "$in/good.csv"
r 'model id' 2 "m999" predict m999 "$in/good.csv"
r 'run id' 2 "r999" predict r999 "$in/good.csv"
r 'predict without column' 2 "'[abc]'" predict "$in/m.assay" "$in/only_target.csv" --out out.csv
r 'predict no data' 2 "nowhere" predict "$in/m.assay" nowhere.csv --out out.csv
r 'predict empty' 2 "empty" predict "$in/m.assay" "$in/empty.csv" --out out.csv
r 'predict into nowhere' 2 "nowhere" predict "$in/m.assay" "$in/good.csv" --out nowhere/out.csv
r 'predict into a folder' 2 "folder" predict "$in/m.assay" "$in/good.csv" --out "$in/folder.csv"

# ---- the catalog ------------------------------------------------------------------------------------
r 'leaderboard of nothing' 2 "." leaderboard --catalog "$in/new.db"
r 'leaderboard of no run' 2 "r999" leaderboard r999
r 'leaderboard of a word' 2 "'seven'" leaderboard seven
r 'resume of no run' 2 "r999" resume r999
r 'resume of a word' 2 "'seven'" resume seven
r 'learners of no name' 2 "gbtd.*gbdt" learners gbtd
head -c 9000 /dev/zero >"$in/zero.db"
for name in zero.db good.csv folder.csv; do # a catalog that cannot be used: a warning, and one in memory
    cp -r "$in/$name" "$work/was"
    expect "catalog $name" 0 "$assay" runs --catalog "$in/$name"
    check "warning of catalog $name" grep -q "^assay: warning: .*$name" "$work/err"
    check "catalog $name is left alone" diff -r "$in/$name" "$work/was"
    rm -r "$work/was"
done
if command -v sqlite3 >/dev/null; then # a board that was damaged in its place
    expect 'a run' 0 "$assay" $c --trials 1 --learners tree --catalog "$in/board.db"
    sqlite3 "$in/board.db" "UPDATE runs SET report = substr(report, 1, 200)"
    r 'damaged board' 2 "catalog .*board.db' is damaged: the leaderboard of run 'r1'" leaderboard --catalog "$in/board.db"
else
    skip 'damaged board' 'needs sqlite3'
fi
r 'machine file' 2 "good.csv" explain $c --machine "$in/good.csv"
r 'machine missing' 2 "nowhere" explain $c --machine nowhere.json
r 'topology' 2 "." explain $c --topology 'flower:2'

# ---- files that cannot be read or written --------------------------------------------------------------
as_nobody() {
    setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent ASSAY_CATALOG=:memory: "$@"
}
if [ "$(id -u)" = 0 ] && chmod 644 "$in"/*.csv && as_nobody "$assay" --version >/dev/null 2>&1; then
    cp "$in/good.csv" "$in/secret.csv"
    cp "$in/good.yaml" "$in/secret.yaml"
    cp "$in/m.assay" "$in/secret.assay"
    chmod 600 "$in"/secret.*
    refused 'unreadable data' 2 "secret.csv.*ermission" as_nobody "$assay" classify "$in/secret.csv" $t
    refused 'unreadable spec' 2 "secret.yaml.*ermission" as_nobody "$assay" run "$in/secret.yaml"
    refused 'unreadable model' 2 "secret.assay.*ermission" as_nobody "$assay" predict "$in/secret.assay" "$in/good.csv"
    refused 'unwritable output' 2 "ermission" as_nobody "$assay" profile "$in/good.csv" --out "$in/out.txt"
    expect 'unwritable model' 2 as_nobody "$assay" $c --trials 2 --learners constant --model "$in/out.assay"
    check 'unwritable model is told' grep -q '^assay: .*out.assay.*ermission' "$work/err"
    check 'unwritable model is not there' test ! -e "$in/out.assay"
else
    skip 'unreadable files' 'needs root and setpriv'
fi
full() { "$@" >/dev/full; }
for command in 'metrics' 'learners' 'help' 'runs' 'machine' "profile $in/good.csv" "predict $in/m.assay $in/good.csv" "init $in/good.csv --target y" \
    "explain $c"; do
    full "$assay" $command >"$work/out" 2>"$work/err"
    status=$?
    if [ "$status" = 2 ] && [ "$(wc -l <"$work/err")" = 1 ] && grep -q '^assay: .*No space left' "$work/err"; then good; else bad "full: $command" "status $status"; fi
done
r 'out is full' 2 "No space left" predict "$in/m.assay" "$in/good.csv" --out /dev/full
expect 'report is full' 2 "$assay" $c --trials 2 --learners constant --report /dev/full
check 'full report is told' grep -q '^assay: .*No space left' "$work/err"

limited() { (ulimit -f 1 && exec "$@"); } # 1024 bytes a file
rows 1200 >"$in/more.csv"
refused 'file size limit' 2 "large|size|limit" limited "$assay" predict "$in/m.assay" "$in/more.csv" --proba --out out.csv
# The catalog's disk is full in mid-run: the run goes on in memory, its model is saved, and what was committed can be resumed.
ASSAY_CATALOG=$work/full.db expect 'a catalog with room' 0 "$assay" $c --trials 1 --learners constant
kib=$((($(stat -c %s "$work/full.db") + 1023) / 1024 + 200))
limited() { (ulimit -f $kib && exec "$@"); }
ASSAY_CATALOG=$work/full.db expect 'no room in mid-run' 0 limited "$assay" $c --trials 60 --learners gaussian_nb --set search.ensemble=false --model full.assay
check 'is told' grep -q "full.db' .*; the rest of this process is not remembered" "$work/err"
expect 'the model serves' 0 "$assay" predict full.assay "$in/good.csv"
ASSAY_CATALOG=$work/full.db expect 'the run is there' 0 "$assay" runs
check 'as interrupted' grep -q '^r2 .* interrupted' "$work/out"
ASSAY_CATALOG=$work/full.db expect 'it goes on' 0 "$assay" resume r2
if [ "$(id -u)" = 0 ] && mkdir -p tiny && mount -t tmpfs -o size=8k tmpfs tiny 2>/dev/null; then
    refused 'full disk' 2 "No space left" "$assay" predict "$in/m.assay" "$in/more.csv" --proba --out tiny/out.csv
    expect 'full disk, model' 2 "$assay" $c --trials 2 --learners forest --catalog :memory: --model tiny/m.assay
    check 'full disk is told' grep -q '^assay: .*No space left' "$work/err"
    check 'full disk holds no part' test -z "$(ls tiny)"
    umount tiny
else
    skip 'full disk' 'needs root and the right to mount'
fi
finish
