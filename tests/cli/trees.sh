#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What asks much of tree learners: columns and targets of many levels, bound columns, values beyond f32.
. "$(dirname "$0")/lib.sh"
in=$work/in
says() { # NAME PATTERN: on standard error
    if grep -Eq -e "$2" "$work/err"; then good; else bad "$1" "standard error does not match /$2/"; fi
}
silent() { # NAME PATTERN: not on standard error
    if grep -Eq -e "$2" "$work/err"; then bad "$1" "standard error matches /$2/"; else good; fi
}
awk 'BEGIN {srand(3); print "level,a,y"; for (i = 0; i < 2400; i++) printf "L%d,%.3f,%s\n", i % 400, rand(), ((i % 400 * 7) % 11 > 5 ? "yes" : "no")}' >"$in/levels.csv"
awk 'BEGIN {srand(4); print "a,b,y"; for (i = 0; i < 2000; i++) printf "%.3f,%.3f,k%d\n", rand(), rand(), i % 500}' >"$in/classes.csv"
awk 'BEGIN {srand(5); print "a,b,y"; for (i = 0; i < 200; i++) {x = rand(); printf "%.4fe300,%.3f,%s\n", x, rand(), (x > 0.5 ? "yes" : "no")}}' >"$in/large.csv"
awk 'BEGIN {srand(6); print "a,b,y"; for (i = 0; i < 200; i++) {x = rand(); printf "%.4f,%.3f,%.4fe38\n", x, rand(), x}}' >"$in/target.csv"

c="classify $in/levels.csv --target y --learners gbdt --trials 1"
expect 'many levels, asked' 0 "$assay" explain $c --set search.space.gbdt.categorical=ordinal --set search.space.gbdt.ordinal.max_levels=5000
check 'are codes' grep -q 'prep.ordinal/apply' "$work/out"
silent 'nothing is warned of' 'does not fit'
expect 'codes that do not reach' 0 "$assay" explain $c --set search.space.gbdt.categorical=ordinal
says 'the column is named' "named for 'categorical' does not fit 1 column, 'level' first"
expect 'many levels, asked again' 0 "$assay" explain $c --set search.space.gbdt.categorical=ordinal --set search.space.gbdt.ordinal.max_levels=5000
check 'and not encoded' sh -c "! grep -q 'prep.target' '$work/out'"
expect 'many levels, unasked' 0 "$assay" explain $c
check 'are encoded' grep -q 'prep.target' "$work/out"
check 'and no codes' sh -c "! grep -q 'prep.ordinal' '$work/out'"

c="classify $in/classes.csv --target y --trials 1"
if grep -q __asan_init "$assay"; then # its shadow memory counts
    skip 'classes under a limit' 'sanitized build'
else
    expect 'classes under a limit' 0 "$assay" $c --learners gbdt --memory 57MiB --model classes.assay
    says 'the limit is said to be passed' 'memory limit is [0-9]+ MiB short'
    says 'the failure is told' 'all 1 trials failed'
    expect 'there is a model' 0 "$assay" predict classes.assay "$in/classes.csv"
    check 'which predicts every row' test "$(wc -l <"$work/out")" = 2001
    expect 'the plan of it' 0 "$assay" explain $c --learners gbdt --memory 57MiB
    says 'which will not fit' 'will probably not fit the memory limit'
    awk 'BEGIN { srand(9); print "a,b,y"; for (i = 0; i < 6000; i++) { a = rand(); b = rand(); printf "%.4f,%.4f,k%d\n", a, b, int(300 * a) } }' >many.csv
    expect 'many classes under a limit' 0 "$assay" classify many.csv --target y --time 3s --memory 60MiB --model many.assay
    expect 'leave a model' 0 "$assay" predict many.assay many.csv
fi
expect 'classes without order' 0 "$assay" $c --learners tree --set 'data.monotone={a: 1}'
says 'are told' 'has no meaning with more than two classes'

expect 'trees are bound' 0 "$assay" classify "$in/levels.csv" --target y --learners tree,forest,extra_trees --trials 3 --set 'data.monotone={a: 1}'
silent 'without a warning' monotone
expect 'values beyond f32' 0 "$assay" classify "$in/large.csv" --target y --learners tree --trials 1
says 'are told' "column 'a' has values beyond"
refused 'a target beyond f32' 2 'too large to compute with' "$assay" regress "$in/target.csv" --target y --learners gbdt --trials 1
expect 'a level that there is not' 0 env ASSAY_SIMD=base "$assay" classify "$in/large.csv" --target y --learners tree --trials 1
says 'is told' "ASSAY_SIMD='base' names no level"
expect 'a level that there is' 0 env ASSAY_SIMD=sse2 "$assay" classify "$in/large.csv" --target y --learners tree --trials 1
silent 'is not' ASSAY_SIMD
finish
