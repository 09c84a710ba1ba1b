#!/bin/sh
# The layer rule: a folder includes only strictly lower layers; siblings never include each other; faces know
# <assay/assay.h> alone. One line per breach, status 1 when there is any.
set -eu
export LC_ALL=C
find base data catalog backends tasks prep learners optimizer search engine cli serve bindings examples include \
    -name '*.[ch]' 2>/dev/null | sort | xargs awk '
BEGIN {
    layer["base"] = 1
    layer["data"] = layer["catalog"] = layer["backends"] = 2
    layer["tasks"] = layer["prep"] = layer["learners"] = 3
    layer["optimizer"] = layer["search"] = 4
    layer["engine"] = 5
    layer["cli"] = layer["serve"] = layer["bindings"] = layer["examples"] = 6
    # in these, each sub-folder is a module of its own that may use the files beside it
    split("prep learners search backends", list, " ")
    for (i in list) split_module[list[i]] = 1
}
function folder_of(path,    n, part) { n = split(path, part, "/"); return n > 2 ? part[1] "/" part[2] : part[1] }
function top_of(path,    part) { split(path, part, "/"); return part[1] }
function breach(why) { printf "%s:%d: %s\n", FILENAME, FNR, why; bad = 1 }
/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    target = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", target)
    quoted = substr(target, 1, 1) == "\""
    target = substr(target, 2)
    sub(/[>"].*/, "", target)
    me = top_of(FILENAME); it = top_of(target)
    if (me == "include") {
        if (quoted) breach("a public header includes \"" target "\"; include <assay/...> only")
        next
    }
    if (!quoted) {
        if (layer[me] == 6 && target ~ /^assay\// && target != "assay/assay.h") breach("a face includes <" target ">; it may know <assay/assay.h> only")
        next
    }
    if (it == "gen") next
    if (!(it in layer)) { breach("include \"" target "\" is not written from the root"); next }
    if (me != it) {
        if (layer[me] == 6) breach("a face includes \"" target "\"; it may know <assay/assay.h> only")
        else if (layer[it] >= layer[me]) breach(me " (layer " layer[me] ") includes \"" target "\" (layer " layer[it] ")")
        next
    }
    if (me in split_module && folder_of(target) != me && folder_of(target) != folder_of(FILENAME)) breach("\"" target "\" belongs to a sibling")
}
END { exit bad }'
