#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every example runs: the specifications (two trials each), and the C programs.
. "$(dirname "$0")/lib.sh"
for folder in "$root"/examples/*/; do
    name=$(basename "$folder")
    [ "$name" = c ] && continue
    test_data=$(ls "$folder"/test.*)
    few=logistic,tree # the whole search is what make demo shows
    grep -q "^task: regress" "$folder/task.yaml" && few=ridge,tree
    check "$name names source and licence" grep -Eiq 'licence' "$folder/README.md"
    check "$name is small" test -z "$(find "$folder" -size +500k)"
    expect "explain $name" 0 "$assay" explain "$folder/task.yaml"
    expect "run $name" 0 "$assay" run "$folder/task.yaml" --time 60s --trials 2 --learners "$few" --model "$name.assay" --report "$name.html" --json
    check "$name: JSON" "$json" "$work/out"
    check "$name: a test score" grep -Eq '^-?[0-9.]+(e-?[0-9]+)?$' <("$json" "$work/out" best test)
    check "$name: a report" test -s "$name.html"
    expect "predict $name" 0 "$assay" predict "$name.assay" "$test_data" --out "$name.csv"
    rows=$(grep -c . "$test_data")
    case $test_data in *.csv) rows=$((rows - 1)) ;; esac
    check "$name: every row" test "$(($(grep -c . "$name.csv") - 1))" = "$rows"
done

c=$build/examples
expect 'c/classify' 0 "$c/classify"
check 'c/classify predicts' awk '{exit !($1 >= 90)}' "$work/out"
expect 'c/spec' 0 "$c/spec" "$root/examples/vehicle/task.yaml" spec.assay search.trials=2 'search.learners=[logistic, tree]'
check 'c/spec shows a board' grep -q '^|' "$work/out"
expect 'c/predict' 0 "$c/predict" spec.assay "$root/examples/vehicle/test.csv"
check 'c/predict: every row' test "$(wc -l <"$work/out")" = 169
expect 'c/cancel' 0 "$c/cancel" "$root/examples/vehicle/task.yaml" 0.3
check 'c/cancel ends early' grep -q 'ended early after [0-9]* looks, with a model' "$work/out"
for program in spec predict cancel; do expect "c/$program usage" 2 "$c/$program"; done
expect 'c/predict tells' 2 "$c/predict" nowhere.assay "$root/examples/vehicle/test.csv"
check 'c/predict names the file' grep -q 'nowhere.assay' "$work/err"
finish
