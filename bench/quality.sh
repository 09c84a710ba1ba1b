#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Quality on real data: s = (score - constant) / (best single model of reference_scores.tsv - constant),
# test scores, over every classification and regression set of $ASSAY_DATA_DIR.
# usage: quality.sh [ASSAY] ; environment: TIME (30s), SEEDS ("1 2 3"), THREADS (2), SETS (all)
set -u
assay=${1:-build/assay}
data=${ASSAY_DATA_DIR:-}
[ -n "$data" ] || { echo "bench-quality: ASSAY_DATA_DIR is not set; skipped"; exit 0; }
time=${TIME:-30s} threads=${THREADS:-2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
reference() { # set metric -> constant best
    awk -F'\t' -v n="$1" -v m="$2" '$1==n && $3==m { if ($2=="constant") c=$4; else if (b=="" || (m=="auc" ? $4>b : $4<b)) b=$4 } END { print c, b }' "$data/reference_scores.tsv"
}
printf '%-20s %-5s %10s %10s %10s %8s %8s\n' set seed test best_ref constant s elapsed
while IFS=$'\t' read -r name task target _ _ _ _ metric _; do
    case $task in binary | multiclass) kind=classify ;; regression) kind=regress ;; *) continue ;; esac
    [ -z "${SETS:-}" ] || [[ " $SETS " == *" $name "* ]] || continue
    ext=csv; tgt=(--target "$target")
    [ -f "$data/$name.train.libsvm" ] && ext=libsvm && tgt=()
    read -r constant best <<<"$(reference "$name" "$metric")"
    for seed in ${SEEDS:-1 2 3}; do
        export ASSAY_CATALOG=$work/$name.$seed.db # its own: no run learns from another
        start=$(date +%s.%N)
        "$assay" $kind "$data/$name.train.$ext" "${tgt[@]}" --test "$data/$name.test.$ext" --time "$time" --threads "$threads" --seed "$seed" --json >"$work/out.json" 2>"$work/err.txt"
        end=$(date +%s.%N)
        score=$(grep -o '"best":{[^}]*' "$work/out.json" | grep -o '"test":[^,}]*' | cut -d: -f2)
        [ -n "$score" ] && [ "$score" != null ] || { echo "$name seed $seed: no score: $(tail -1 "$work/err.txt")"; score=$constant; }
        awk -v n="$name" -v k="$seed" -v t="$score" -v c="$constant" -v b="$best" -v e="$(echo "$end $start" | awk '{print $1-$2}')" \
            'BEGIN { s=(t-c)/(b-c); printf "%-20s %-5s %10.6g %10.6g %10.6g %8.4f %8.2f\n", n, k, t, b, c, s, e; print n, s >> "/dev/stderr" }' 2>>"$work/s.txt"
    done
done < <(tail -n +2 "$data/INDEX.tsv")
# iris, penguins, auto_mpg and tissue_gene are small: they count as one, with their mean s.
awk '{ sum[$1]+=$2; n[$1]++ } END { for (k in sum) { m=sum[k]/n[k]; if (k ~ /^(iris|penguins|auto_mpg|tissue_gene)$/) { small+=m; c++ } else print m }; if (c) print small/c }' "$work/s.txt" | sort -g |
    awk '{ v[NR]=$1; t+=$1 } END { if (NR) printf "sets %d: median %.4f, mean %.4f, worst %.4f\n", NR, (NR%2 ? v[(NR+1)/2] : (v[NR/2]+v[NR/2+1])/2), t/NR, v[1] }'
