# style.sh [FILE ..] - checks what clang-format does not: lines, functions, files and the first words of comments
#
# A line has at most 120 characters, a function at most six parameters and sixty lines, and a file of conformance/ at
# most 300 lines, but for the tables of conformance/bugs/. A comment says a sentence, which does not begin with "Of" or
# "What". Without arguments all of ref/, conformance/ and tools/ is checked.

[ $# -gt 0 ] || set -- $(find ref conformance tools -name '*.[ch]' -o -name '*.py' -o -name '*.sh') Makefile

LC_ALL=C awk '
function complain(text) { print "style: " FILENAME ":" FNR ": " text; broken++ }
function count_of(text, pattern) { return gsub(pattern, "", text) }

# A continuation byte of UTF-8 is no character of its own.
function width(text) { gsub(/[\200-\277]/, "", text); return length(text) }

# `list` holds a declaration from its name to its last ")". Commas between inner parentheses are none of its own.
function parameters(list) {
    sub(/^[^(]*\(/, "", list)
    sub(/\)[^)]*$/, "", list)
    while (gsub(/\([^()]*\)/, "", list)) {}
    return count_of(list, ",") + 1
}

function without_comments(text) { gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", text); return text }

function end_file() {
    if (file ~ /(^|\/)conformance\// && file !~ /\/bugs\// && last_line > 300) {
        print "style: " file ": found " last_line " lines, expected 300 at most"
        broken++
    }
}

FNR == 1 { end_file(); file = FILENAME; declaration = ""; first_line = 0; is_c = file ~ /\.[ch]$/; files++ }
{ last_line = FNR }

width($0) > 120 { complain("found a line of " width($0) " characters, expected 120 at most") }
!is_c { next }
/(\/\*|^ *\*) (Of|What) / { complain("found a comment that begins with Of or What, expected a sentence") }

# A declaration begins at the margin, and ends where its parentheses do.
declaration == "" && /^[A-Za-z_][^={;]*\(/ { declaration = " " }
declaration != "" {
    line = $0
    sub(/[{;].*/, "", line)
    declaration = without_comments(declaration " " line)
    if (count_of(declaration, "\\(") <= count_of(declaration, "\\)")) {
        if (parameters(declaration) > 6)
            complain("found a function of " parameters(declaration) " parameters, expected six at most")
        declaration = ""
    }
}
/^\{/ { first_line = FNR }
/^\}/ {
    if (first_line && FNR - first_line - 1 > 60)
        complain("found a function of " FNR - first_line - 1 " lines, expected sixty at most")
    first_line = 0
}

END {
    end_file()
    if (!broken) print "style: " files " files, as they should be"
    exit broken > 0
}' "$@"
