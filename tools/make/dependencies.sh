# dependencies.sh [--draw] - checks from the #include lines that no include points up, and that no files go in a circle
#
# The order of folders is the table below, bottom up; --draw prints it with who includes whom. Folders on one line know
# nothing of each other, but for those that the table names. A circle is looked for among files, where a header and its
# .c count as one. Only ref/nn/matmul.c knows BLAS, and what is measured against BLAS itself.

order='
ref/run         also ref/checkpoint/array.h: a run reads weights from an array, and rounds them
ref/checkpoint
ref/nn ref/image ref/audio
ref/processor
ref/inputs      the arguments of a forward pass
ref/gemma4
ref/gemma4_unified
ref             models, whichever family
conformance/quantiser
conformance/dump
conformance/grade
conformance/pictures
conformance/sounds
conformance/noise
conformance/names
conformance/bugs
conformance/lockstep
conformance/readings
conformance/diagnose
conformance/explain
conformance/inputs
conformance/report
conformance/submission
tools/report
tools/command
tools/library
tools/score tools/bench tools/fuzz tools/check_hf
'

{
    echo "$order" | grep . | sed 's/^/order /'
    find ref conformance tools -name '*.[ch]' ! -path '*/tests/*' | sed 's/^/file /'
    find ref conformance tools -name '*.[ch]' ! -path '*/tests/*' -exec grep -H '^ *# *include' {} + | sort |
        sed 's/^\([^:]*\):[^"<]*\(["<][^">]*\).*/include \1 \2/'
} | awk -v draw="$1" '

# The folder of the order that a file belongs to: the longest that its path, or its path without ".h", begins with
function place_of(path,    place, best) {
    for (place in rank)
        if ((index(path, place "/") == 1 || index(path, place ".") == 1) && length(place) > length(best)) best = place
    return best
}

function stem_of(path) { sub(/\.[ch]$/, "", path); return path }
function folder_of(path) { sub(/\/[^\/]*$/, "", path); return path }

function find_header(name, folder,    i, n, candidates) {
    n = split("ref/" name " " folder "/" name " conformance/" name " tools/" name, candidates, " ")
    for (i = 1; i <= n; i++) if (candidates[i] in files) return candidates[i]
    return ""
}

function complain(text) { print "dependencies: " text; broken++ }

function may_know_blas(file) { return file == "ref/nn/matmul.c" || file ~ /^tools\/(bench|check_hf)\// }

function check(file, header,    path, from, to) {
    count++
    if (header ~ /^<cblas/ && !may_know_blas(file)) complain(file " may not include cblas.h")
    if (header ~ /^</) return
    path = find_header(substr(header, 2), folder_of(file))
    if (path == "") { complain(file " includes " substr(header, 2) ", which is nowhere"); return }
    from = place_of(file); to = place_of(path)
    if (from == "" || to == "") { complain((from == "" ? file : path) " is in no folder of the order"); return }
    known = from == to || rank[to] < rank[from] || index(also[from], path)
    if (!known) complain(file " may not include " path ": " from " is below " to)
    if (from != to) arrows[from " " to]++
    if (stem_of(file) != stem_of(path)) edges[stem_of(file)] = edges[stem_of(file)] " " stem_of(path)
}

# Depth first; state 1: on the way, 2: done
function walk(node, trail,    i, n, next_nodes) {
    if (state[node] == 2) return
    if (state[node] == 1) { complain("a circle of files:" trail " " node); return }
    state[node] = 1
    n = split(edges[node], next_nodes, " ")
    for (i = 1; i <= n; i++) walk(next_nodes[i], trail " " node)
    state[node] = 2
}

$1 == "order" {
    level++
    for (i = 2; i <= NF && $i ~ /^(ref|conformance|tools)(\/[a-z0-9_]+)?$/; i++) {
        rank[$i] = level
        places[++place_count] = $i
    }
    also[$2] = $0
}
$1 == "file" { files[$2] = 1 }
$1 == "include" { check($2, $3) }

END {
    for (node in edges) walk(node, "")
    for (i = place_count; draw == "--draw" && i >= 1; i--) {
        line = sprintf("%-22s", places[i])
        for (j = place_count; j >= 1; j--) if ((places[i] " " places[j]) in arrows) line = line " " places[j]
        print line
    }
    if (!broken) print "dependencies: " count " includes, none of which points up, and no circle"
    exit broken > 0
}'
