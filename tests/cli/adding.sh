#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Adding a learner, a preparation step, a metric or a strategy edits no existing file: the throw-away ones of tests/added
# are laid beside the others in a copy of the tree, which is built (what is built already is copied, too) and used.
. "$(dirname "$0")/lib.sh"
tree=$work/tree
mkdir -p "$tree/build"
sources='base backends catalog cli data engine include learners mk optimizer prep search tasks tools'
(cd "$root" && cp -a Makefile $sources "$tree") || exit 1
for folder in obj gen; do cp -a "$build/$folder" "$tree/build/"; done
(cd "$root/tests/added" && find . -name '*.c') | while read -r file; do [ ! -e "$tree/$file" ] || echo "$file is there already"; done >"$work/clash"
check 'the parts are new' test ! -s "$work/clash"
(cd "$root/tests/added" && cp -r learners prep search tasks "$tree")
(cd "$root" && find Makefile $sources -type f | sort | xargs sha256sum) >"$work/sums"
flags=()
[ "$(basename "$build")" = asan ] && flags=(OPT='-O1 -g1' HOT=-O1 SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer')
check 'the tree builds' make -s -C "$tree" B=build "${flags[@]}" build/assay
check 'no existing file was edited' bash -c "cd '$tree' && sha256sum --quiet -c '$work/sums'"
assay=$tree/build/assay

expect 'learners' 0 "$assay" learners
check 'lists the learner' grep -q '^ *shrunken ' "$work/out"
expect 'metrics' 0 "$assay" metrics
check 'lists the metric' grep -q 'within_one' "$work/out"
train=$root/examples/housing/train.csv target=$(sed -n 's/^  *target: *//p' "$root/examples/housing/task.yaml")
expect 'a run with all four' 0 "$assay" regress "$train" --target "$target" --metric within_one --learners shrunken,ridge --trials 2 --threads 2 --json \
    --model added.assay --set search.strategy=sweep --set 'search.space={ridge: {numeric: signed_log}}' --set 'search.validation={folds: 2}'
cp "$work/out" run.json
check 'the metric counts' test "$("$json" run.json metric)" = within_one
check 'the learner is ranked' grep -q '"learner": *"shrunken"' run.json
check 'the strategy asked each learner once' test "$("$json" run.json trials finished)" = 2
check 'the step served ridge' grep -q 'signed_log' run.json
expect 'the model predicts' 0 "$assay" predict added.assay "$train" --out predicted.csv
check 'every row' test "$(wc -l <predicted.csv)" = "$(wc -l <"$train")"
expect 'explain knows the step' 0 "$assay" explain regress "$train" --target "$target" --learners ridge --trials 2 --set 'search.space={ridge: {numeric: signed_log}}'
check 'the step is in the plan' grep -q 'prep.signed_log' "$work/out"
finish
