#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at random moments. The catalog opens; a run whose row exists is resumed and gives the board of a run never
# killed (limited by trials), every trial once and none lost; before the row exists, a plain rerun works. A run limited by
# time has at least the finished trials on its board, and a model no worse than the best of them.
# usage: kill.sh BUILD_FOLDER [MOMENTS [SEED]]
set -u
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
assay=$(cd "${1:?usage: $0 BUILD_FOLDER [MOMENTS [SEED]]}" && pwd)/assay
moments=${2:-5}
RANDOM=${3:-$$}
work=$(mktemp -d "${TMPDIR:-/tmp}/assay-kill-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export HOME=$work XDG_DATA_HOME=$work/data
unset ASSAY_CATALOG
passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() { # NAME WHY
    failed=$((failed + 1))
    printf 'kill: %s: %s\n' "$1" "$2" >&2
    [ ! -s err ] || sed 's/^/    stderr: /' err | head -n 5 >&2
}

# Columns of the leaderboard that no clock and no earlier run decides.
board() { # CATALOG
    "$assay" leaderboard --catalog "$1" --format csv 2>err |
        awk -F, '{ rest = ""; for (i = 20; i <= NF; i++) rest = rest "," $i; print $1, $3, $4, $5, $6, $7, $15, $17, $18, ($1 == 1 ? "" : rest) }'
}

# What was finished, as the views tell; empty without the sqlite3 command.
trials() { # CATALOG
    command -v sqlite3 >/dev/null && sqlite3 -cmd '.timeout 5000' "$1" 'SELECT trial, config_hash, fidelity, state, validation FROM v_trials ORDER BY trial' 2>/dev/null
}

# The board of a run under a clock after it went on: what was recorded is on it, and the best is as good.
keeps() { # NAME CATALOG BEFORE
    local configs best have score
    [ "$3" ] || return 0
    configs=$(awk -F'|' '$1 > 0' <<<"$3" | cut -d'|' -f2 | sort -u | grep -c .) # not the constant
    best=$(awk -F'|' '$4 == "finished" && $3 >= 1 && $5 > b { b = $5 } END { print b + 0 }' <<<"$3")
    "$assay" leaderboard --catalog "$2" --format json >board.json 2>err
    have=$(tr -d ' \n' <board.json | grep -o '"trials":{[^}]*}' | grep -o '[0-9]*' | awk '{ n += $1 } END { print n + 0 }')
    score=$(tr -d ' \n' <board.json | grep -o '"best":{[^}]*}' | sed 's/.*"validation":\([-0-9.e]*\).*/\1/')
    [ "$have" -ge "$configs" ] ||
        { bad "$1" "$have configs on the board of $configs recorded"; return 1; }
    awk -v a="$score" -v b="$best" 'BEGIN { exit !(a >= b - 2e-4) }' || { bad "$1" "the best is $score after $best"; return 1; }
}

# once NAME SECONDS ARGUMENTS...: starts a run, kills it after so long, goes on with it
once() {
    local name=$1 wait=$2 db=$work/killed.db pid before after lost run
    shift 2
    rm -rf "$db"*
    "$assay" "$@" --catalog "$db" --progress none >out 2>err &
    pid=$!
    sleep "$wait"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    if ! "$assay" runs --json --catalog "$db" >runs 2>err; then
        bad "$name" "the catalog does not open"
        return
    fi
    before=$(trials "$db")
    run=$(grep -o '"run": *"r[0-9]*"' runs | tail -n 1 | grep -o 'r[0-9][0-9]*')
    if [ -z "$run" ]; then
        timeout 120 "$assay" "$@" --catalog "$db" --progress none >out 2>err || { bad "$name" "a plain rerun fails with $?"; return; }
    elif ! timeout 120 "$assay" resume "$run" --catalog "$db" --progress none >out 2>err; then
        if grep -q 'start it anew' err && ! [ "$before" ]; then
            timeout 120 "$assay" "$@" --catalog "$db" --progress none >out 2>err || { bad "$name" "a plain rerun fails with $?"; return; }
        else
            bad "$name" "resume fails"
            return
        fi
    fi
    after=$(trials "$db")
    lost=$(comm -23 <(sort <<<"$before") <(sort <<<"$after") | grep -c .)
    [ "$lost" = 0 ] || { bad "$name" "$lost finished trials are lost or changed"; return; }
    [ -z "$(cut -d'|' -f1 <<<"$after" | sort | uniq -d | grep .)" ] || { bad "$name" "a trial was run twice"; return; }
    [ "$want" ] || keeps "$name" "$db" "$before" || return
    if [ "$want" ] && ! diff <(echo "$want") <(board "$db") >difference; then
        bad "$name" "the board differs from that of a run never killed (killed after $(grep -c . <<<"$before") trials)"
        head -n 6 difference >&2
        return
    fi
    if [ "$wanted_trials" ] && [ "$wanted_trials" != "$after" ]; then
        bad "$name" "the trials differ from those of a run never killed"
        diff <(echo "$wanted_trials") <(echo "$after") | head -n 6 >&2
        return
    fi
    good
}

# Whole runs first: what they give, and how long they take.
rows() { # N CLASSES: a table with numbers, names and gaps
    awk -v n="$1" -v k="$2" 'BEGIN { srand(5); print "a,b,c,d,y"; for (i = 0; i < n; i++) { a = rand(); b = rand(); c = int(rand() * 4);
        printf "%.6f,%s,l%d,%.3f,k%d\n", a, (rand() < 0.1 ? "" : sprintf("%.4f", b)), c, rand(), int((a + b * 0.5 + c * 0.2 + 0.2 * rand()) / 2.3 * k) } }'
}
rows 150 3 >small.csv
# Few moments are a sample for a sanitized build, many are for an optimized one: smaller runs, or the kill comes too early.
many=$((moments > 5))
rows $((many ? 2500 : 600)) 2 >middle.csv
moment() { # SECONDS: a random share of them
    awk -v r=$RANDOM -v s="$1" 'BEGIN { printf "%.3f", s * r / 32768 }'
}
whole() { # ARGUMENTS...
    local from
    rm -rf whole.db*
    from=$(date +%s%N)
    timeout 300 "$assay" "$@" --catalog "$work/whole.db" --progress none >out 2>err || bad "$*" "a whole run fails"
    took=$(awk -v a="$from" -v b="$(date +%s%N)" 'BEGIN { print (b - a) * 1e-9 }')
    want=$(board whole.db)
    wanted_trials=$(trials whole.db)
}
for table in small middle; do
    args=(classify "$work/$table.csv" --target y --trials $((many ? 12 + RANDOM % 14 : 8 + RANDOM % 6)) --seed 7 --threads 2)
    whole "${args[@]}"
    n=$(((moments * 2 + 4) / 5))
    for ((i = 0; i < n; i++)); do
        at=$(moment $([ $((i % 3)) = 0 ] && echo 0.2 || echo "$took"))
        once "$table, ${args[5]} trials, killed at $at s of $took" "$at" "${args[@]}"
    done
done
want='' wanted_trials=''
n=$(((moments + 4) / 5))
for ((i = 0; i < n; i++)); do
    at=$(moment $([ $((i % 3)) = 1 ] && echo 0.2 || echo 4.2))
    once "4 s, killed at $at s" "$at" classify "$work/middle.csv" --target y --time 4s --seed 7 --threads 2
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
