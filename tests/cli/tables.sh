#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tables as people have them: decimal commas, headers that look like values, pipes; new tables for a model.
. "$(dirname "$0")/lib.sh"
in=$work/in
get() { "$json" "$work/out" "$@"; }
is() { # NAME WANT KEY...
    local name=$1 want=$2 have
    shift 2
    have=$(get "$@" 2>&1)
    if [ "$have" = "$want" ]; then good; else bad "$name" "'$have' instead of '$want'"; fi
}
says() { # NAME PATTERN: on standard error
    if grep -Eq -e "$2" "$work/err"; then good; else bad "$1" "standard error does not match /$2/"; fi
}
silent() { # NAME PATTERN
    if grep -Eq -e "$2" "$work/err"; then bad "$1" "standard error matches /$2/"; else good; fi
}
t="--target y --trials 2 --learners logistic --progress none"

# The same table in five ways of writing it.
awk -v dir="$in" 'BEGIN {
    srand(4); point = dir "/point.csv"; quoted = dir "/quoted.csv"; semi = dir "/semi.csv"; bare = dir "/bare.csv"; tab = dir "/tab.tsv"; thousands = dir "/thousands.csv"
    print "a,b,c,y" >point; print "a,b,c,y" >quoted; print "a;b;c;y" >semi; print "a\tb\tc\ty" >tab; print "a,b,c,y" >thousands
    for (i = 0; i < 150; i++) {
        a = sprintf("%.2f", 10 * rand()); b = sprintf("%.3f", 1 + 8 * rand()); c = substr("pqr", 1 + int(3 * rand()), 1); y = a + b > 10 ? "ja" : "nein"
        A = a; B = b; sub(/\./, ",", A); sub(/\./, ",", B); k = b; sub(/\./, "", k); K = B
        print a "," b "," c "," y >point; print "\"" A "\",\"" B "\"," c "," y >quoted; print A ";" B ";" c ";" y >semi; print A ";" B ";" c ";" y >bare
        print A "\t" B "\t" c "\t" y >tab; print a ",\"" K "\"," c "," y >thousands
    } }'

# ---- decimal commas -----------------------------------------------------------------------------
for file in quoted.csv semi.csv bare.csv tab.tsv; do
    expect "profile $file" 0 "$assay" profile "$in/$file" --json
    is "$file: first column" numeric columns 0 type
    is "$file: third column" categorical columns 2 type
    cp "$work/out" "$work/$file.json"
    [ "$(get columns 0 mean)" = "$("$json" "$work/quoted.csv.json" columns 0 mean)" ] && good || bad "$file" "another mean"
done
expect 'decimal commas in quotes' 0 "$assay" profile "$in/quoted.csv"
says 'decimal commas are told, once, with their column' "^assay: warning: .*'a'.* decimal commas.*data.types"
silent 'three digits behind each comma are thousands in a table of commas' "'b'.* decimal commas"
says 'thousands are told' "'b'.* between thousands"
expect 'decimal commas between semicolons' 0 "$assay" profile "$in/semi.csv"
silent 'nothing to tell between semicolons' 'warning'
expect 'the type given wins' 0 "$assay" classify "$in/quoted.csv" $t --set 'data.types={a: categorical, b: numeric}'
silent 'nothing to tell about types given' 'decimal commas'
sed '20s/"[0-9,]*"/"odd"/' "$in/quoted.csv" >"$in/stray.csv"
expect 'one word among decimal commas' 0 "$assay" profile "$in/stray.csv"
says 'the word is told' "'a' is numeric but for 'odd'"
expect 'which can be made missing' 0 "$assay" classify "$in/stray.csv" $t --set 'data.missing=[odd]' --model odd.assay
expect 'and the model knows it' 0 "$assay" predict odd.assay "$in/stray.csv"
check 'a prediction a row' test "$(wc -l <"$work/out")" = 151

# ---- a model reads new rows as its own were written --------------------------------------------------
cut -d';' -f1-3 "$in/semi.csv" >new.csv
for file in semi.csv point.csv; do
    expect "model of $file" 0 "$assay" classify "$in/$file" $t --model "$file.assay"
    for new in semi.csv tab.tsv; do
        expect "model of $file on $new" 0 "$assay" predict "$file.assay" "$in/$new"
        cp "$work/out" "$file.$new.out"
    done
    cmp -s "$file.semi.csv.out" "$file.tab.tsv.out" && good || bad "model of $file" 'predictions depend on the delimiter'
    expect "model of $file on a pipe" 0 bash -c "exec '$assay' predict '$file.assay' - < new.csv"
    check "same predictions from a pipe ($file)" cmp -s "$work/out" "$file.semi.csv.out"
done
check 'the same predictions however numbers are written' cmp -s semi.csv.semi.csv.out point.csv.semi.csv.out
awk -F';' -v OFS=, 'NR == 1 {print "y,x,c,b,a"; next} {gsub(",", ".", $1); gsub(",", ".", $2); print "?," NR "," $3 "," $2 "," $1}' "$in/semi.csv" >mixed.csv
expect 'columns in another order, more of them' 0 "$assay" predict point.csv.assay mixed.csv
check 'order of columns changes nothing' cmp -s "$work/out" point.csv.semi.csv.out
cut -d';' -f1,2 "$in/semi.csv" >two.csv
refused 'a missing column' 2 "two.csv: column 'c' is missing" "$assay" predict point.csv.assay two.csv
sed '3s/^[^,]*/many/' "$in/point.csv" >typo.csv
refused 'a word among numbers' 2 "typo.csv:3:1: cell 'many' of numeric column 'a'" "$assay" predict point.csv.assay typo.csv
sed 's/,p,/,new,/' "$in/point.csv" >unseen.csv
expect 'a level never seen' 0 "$assay" predict point.csv.assay unseen.csv
cp "$work/out" unseen.out
sed 's/,p,/,,/' "$in/point.csv" >missing.csv
expect 'a missing level' 0 "$assay" predict point.csv.assay missing.csv
check 'a level never seen counts as missing' cmp -s "$work/out" unseen.out
awk 'BEGIN { srand(4); print "a,b,y"; for (i = 0; i < 200; i++) { a = rand(); b = rand() < 0.5;
    print a "," (b ? "yes" : "no") "," (a + 0.3 * b > 0.6 ? "yes" : "no") } }' >bool.csv
expect 'a boolean column' 0 "$assay" classify bool.csv --target y --trials 3 --learners logistic,tree --model bool.assay
printf 'a,b,y\n0.1,yes,yes\n0.9,maybe,no\n0.5,no,no\n0.5,no,maybe\n' >third.csv
expect 'a third value of a boolean' 0 "$assay" predict bool.assay third.csv --proba
cp "$work/out" third.out
sed 's/,maybe,/,,/' third.csv >missing.csv
expect 'the same missing' 0 "$assay" predict bool.assay missing.csv --proba
check 'a third value counts as missing' cmp -s "$work/out" third.out
expect 'a third value, and a third class, in test data' 0 "$assay" classify bool.csv --target y --trials 3 --learners logistic,tree --test third.csv
check 'the class is told' grep -q '1 test rows have a class that the training data does not' "$work/err"

cp "$in/point.csv" over.csv
refused 'predictions over their data' 2 "would overwrite the data 'over.csv'" "$assay" predict point.csv.assay over.csv --out over.csv
cp point.csv.assay over.assay
refused 'predictions over their model' 2 "would overwrite the model 'over.assay'" "$assay" predict over.assay over.csv --out over.assay
check 'both are as they were' cmp -s over.csv "$in/point.csv"

# ---- dates and levels of new rows ---------------------------------------------------------------------------
awk 'BEGIN {
    srand(6); print "day,city,note,y" >"days.csv"; print "day,city,note" >"dmy.csv"; print "day,city,note" >"iso.csv"; print "day,city,note" >"mdy.csv"
    print "day,city,note" >"level.csv"; print "day,city,note" >"gap.csv"
    for (i = 0; i < 300; i++) {
        m = 1 + int(12 * rand()); d = 1 + int(28 * rand()); c = int(9 * rand())
        printf "%02d/%02d/2021,c%d,%s %s %s,%s\n", d, m, c, substr("onetwosix", 1 + 3 * int(3 * rand()), 3), i, c, ((m > 6) + (c > 4) + rand() > 1.2 ? "yes" : "no") >"days.csv"
        if (i >= 60) continue
        d = 1 + int(12 * rand()); n = "one " i " two"
        printf "%02d/%02d/2021,c%d,%s\n", d, m, c, n >"dmy.csv"; printf "2021-%02d-%02d,c%d,%s\n", m, d, c, n >"iso.csv"; printf "%02d/%02d/2021,c%d,%s\n", m, d, c, n >"mdy.csv"
        printf "2021-%02d-%02d,%s,%s\n", m, d, (c % 2 ? "nowhere" i : "c" c), n >"level.csv"; printf "2021-%02d-%02d,%s,%s\n", m, d, (c % 2 ? "" : "c" c), n >"gap.csv"
    } }'
for way in gbdt:ordinal gbdt:target logistic:onehot logistic:target; do
    learner=${way%:*}
    expect "model of $way" 0 "$assay" classify days.csv --target y --trials 1 --learners $learner --set "search.space.$learner.categorical=${way#*:}" --model days.assay
    for new in dmy iso mdy level gap; do
        run "$assay" predict days.assay $new.csv --proba
        cp "$work/out" $new.out
    done
    check "$way: days before months, as in training" cmp -s dmy.out iso.out
    check "$way: whatever the months are read as" test -s iso.out
    cmp -s mdy.out iso.out && bad "$way" 'months were read before days' || good
    check "$way: levels never seen are missing" cmp -s level.out gap.out
done

# ---- headers --------------------------------------------------------------------------------------------
head_is() { # NAME FIRST_COLUMN FILE OPTIONS...
    local name=$1 want=$2
    shift 2
    expect "$name" 0 "$assay" profile "$@" --json && is "$name: first column" "$want" columns 0 name
}
awk 'BEGIN {srand(2); print "colour,size,shape"; for (i = 0; i < 40; i++) print substr("redgrnblu", 1 + 3 * int(3 * rand()), 3) "," (rand() < 0.3 ? "size" : rand() < 0.5 ? "small" : "large") "," (rand() < 0.5 ? "round" : "flat")}' >clash.csv
sed 1d clash.csv >nohead.csv
head_is 'a header word that is a value too' colour clash.csv
head_is 'words without a header' c1 nohead.csv
head_is 'header by word of command' "$(head -n 1 nohead.csv | cut -d, -f1)" nohead.csv --header yes --delimiter ,
head_is 'no header by word of command' c1 clash.csv --header no
refused 'header neither yes nor no' 2 "maybe.*auto, yes, no" "$assay" profile clash.csv --header maybe
refused 'delimiter too long' 2 "data.delimiter.*one character" "$assay" profile clash.csv --delimiter ';;'
printf 'text,spam\n' >short.csv
for ((i = 0; i < 30; i++)); do echo "words number $i of a text,$([ $((i % 3)) = 0 ] && echo spam || echo ham)"; done >>short.csv
expect 'the target names the header' 0 "$assay" classify short.csv --target spam --trials 1 --learners multinomial_nb --json
is 'rows below the header' 30 rows
printf 'name,2019,2020\n' >years.csv
for ((i = 0; i < 30; i++)); do echo "n$((i % 7)),$((i * 7 % 31)),$((i * 11 % 17))"; done >>years.csv
expect 'years as names' 0 "$assay" regress years.csv --target 2020 --trials 1 --learners ridge --json
is 'rows below the years' 30 rows
expect 'header for one command only' 0 "$assay" classify nohead.csv --target c3 --trials 1 --learners tree --header no --model nohead.assay
expect 'predict without a header' 0 "$assay" predict nohead.assay nohead.csv --header no
mkdir apart
cp "$in/semi.csv" here.csv
expect 'a spec in another folder' 0 "$assay" init here.csv --target y --out apart/spec.yaml --delimiter ';'
check 'keeps the delimiter' grep -q "^  delimiter: \";\"" apart/spec.yaml
expect 'and finds its data' 0 "$assay" run apart/spec.yaml --trials 1 --learners logistic

for ((i = 0; i < 60; i++)); do echo "$((i % 2)) $((i % 2 + 1)):$((i * 7 % 11 + 1)) 9:$((i % 5 + 1))"; done >sparse.libsvm
expect 'a spec of a sparse table' 0 "$assay" init sparse.libsvm --out sparse.yaml
expect 'which names no target' 0 "$assay" run sparse.yaml --trials 1 --learners logistic

# ---- blank lines ------------------------------------------------------------------------------------------
awk 'BEGIN { print "x,y"; for (i = 1; i <= 60; i++) { x = i * 37 % 61 + 0.5; print x "," (x > 30 ? "q" : "p") } }' >line.csv
run "$assay" classify line.csv $t --model line.assay
printf 'x\n1\n\n60\n\n' >gap.csv
expect 'a blank line of one column is a row' 0 "$assay" predict line.assay gap.csv
check 'a prediction a line' test "$(wc -l <"$work/out")" = 5
check 'in their order' test "$(sed -n '2p;4p' "$work/out" | tr '\n' ' ')" = 'p q '
silent 'nothing to warn of' 'blank'
printf 'x,z\n1,2\n\n60,1\n' >gap.csv
expect 'a blank line among several columns is none' 0 "$assay" predict line.assay gap.csv
check 'a prediction a row' test "$(wc -l <"$work/out")" = 3
says 'and the warning' "1 blank line between the rows of 'gap.csv' is skipped"

# ---- rows beyond what is looked at before a search -------------------------------------------------------------
awk 'BEGIN {print "a,note,y"; for (i = 0; i < 40; i++) printf "%d,word%d,%s\n", i % 7, i % 3, i % 2 ? "yes" : "no"}' >words.csv
awk 'BEGIN {for (s = "long "; length(s) < 1300000; s = s s); print "a,note,y"; for (i = 0; i < 3; i++) printf "%d,%s,%s\n", i, s, i % 2 ? "yes" : "no"}' >long.csv
expect 'long rows in the test data' 0 "$assay" classify words.csv --target y --test long.csv --learners constant --time 2s
sed 's/^a,/b,/' long.csv >other.csv
refused 'long rows that lack a column' 2 "other.csv: the test data lacks column 'a'" "$assay" classify words.csv --target y --test other.csv --time 2s

# ---- nothing to learn ---------------------------------------------------------------------------------------
awk 'BEGIN {srand(8); print "a,b,y"; for (i = 0; i < 200; i++) printf "%.4f,%.4f,%.4f\n", rand(), rand(), rand()}' >noise.csv
expect 'noise' 0 "$assay" regress noise.csv --target y --metric r2 --learners tree --trials 2 --set search.space.tree.min_samples_leaf=1 --json
says 'a constant is told' 'nothing that was tried predicts better than a constant'
[ "$(get best learner)" = constant ] && [ "$(get leaderboard 0 learner)" = constant ] && good || bad 'noise' "the model is $(get best learner)"

# ---- pipes ------------------------------------------------------------------------------------------------
expect 'a table from a process' 0 bash -c "'$assay' classify <(cat '$in/point.csv') $t"
piped=$(bash -c "set -o pipefail; '$assay' profile '$in/point.csv' 2>err | true; echo \${PIPESTATUS[0]}")
case $piped in 0 | 141) good ;; *) bad 'reader gone' "status $piped" ;; esac
check 'nothing is said about it' test ! -s err
mkfifo pipe
"$assay" runs --json >before.json
{ : <pipe; } &
"$assay" classify "$in/point.csv" $t --json >pipe 2>err
piped=$?
wait
[ $piped = 141 ] && good || bad 'reader gone before the leaderboard' "status $piped"
check 'no broken pipe in the words' test -z "$(grep -i 'pipe' err)"
"$assay" runs --json >after.json
[ "$("$json" after.json runs)" = $(($("$json" before.json runs) + 1)) ] && good || bad 'reader gone' 'the run is not in the catalog'
is_finished=$("$json" after.json runs "$(($("$json" after.json runs) - 1))" state)
[ "$is_finished" = finished ] && good || bad 'reader gone' "the run is $is_finished"
refused 'an argument where none is' 2 "'x' is one argument too many; 'metrics' takes none" "$assay" metrics x
finish
