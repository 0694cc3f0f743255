# check.sh BUILD [PROCESSES] - runs all suites, as many at once as there are processors, and adds up what they say
#
# A line for each says how many tests it has and how long it took; of one that fails it is all that it prints, and
# what failed is listed again at the end. A suite is one that a test program lists, X(name) in tests/check_*.c. The
# scripts are a test each.

seconds() { date +%s.%N; }

if [ "$1" = --one ]; then # RESULTS BUILD PROGRAM SUITE: runs a suite, and writes "SECONDS PASSED FAILED" into RESULTS
    results=$2 build=$3 program=$4 suite=$5
    case $program in check-plumb) argument=$build/plumb ;; *) argument= ;; esac
    start=$(seconds)
    output=$(CK_RUN_SUITE=$suite "$build/$program" $argument 2>&1)
    status=$?
    # The closing line of Check: "97%: Checks: 120, Failures: 3, Errors: 1"
    set -- $(printf '%s\n' "$output" | grep -E '^[0-9]+%: Checks: ' | tail -1 | tr -c '0-9\n' ' ')
    bad=$((${3:-0} + ${4:-0})) passed=$((${2:-0} - ${3:-0} - ${4:-0}))
    if [ ${2:-0} = 0 ] || { [ $status != 0 ] && [ $bad = 0 ]; }; then
        output="$output
$program: found exit status $status and no tests of $suite"
        bad=$((bad + 1))
    fi
    if [ $bad -gt 0 ]; then
        # "ref/tests/test_model.c:202:F:forward:forward:3: what is wrong", and what a sanitizer or this script says
        printf '%s\n' "$output" | grep -E '^[^ ]+:[0-9]+:[EF]:|^SUMMARY: |runtime error|^check-[a-z0-9-]+: ' |
            sed "s/^/$program $suite: /" >> "$results/failed"
    else
        output=$(printf '%s\n' "$output" | grep skipped)
    fi
    echo "$start $(seconds) $passed $bad" | awk '{ print $2 - $1, $3, $4 }' > "$results/$program.$suite"
    line=$(awk '{ printf "%6.1f s  %4d tests", $1, $2 + $3 }' "$results/$program.$suite")
    printf '%s  %s %s%s\n' "$line" "$program" "$suite" "${output:+
$output}"
    exit 0
fi

build=${1:?} processes=${2:-$(nproc)}
results=$(mktemp -d) || exit 1
trap 'rm -r "$results"' EXIT
start=$(seconds)

list() { # the suites of a test program; FOLDER PROGRAM
    grep -o 'X([a-z0-9_]*)' "$1"/tests/check_*.c | sed "s/X(\(.*\))/$2 \1/"
}

{
    list conformance check-conformance
    list tools check-plumb
    list ref check-ref-f64
    list ref check-ref-f32
} | xargs -P "$processes" -n 2 sh "$0" --one "$results" "$build"

one() { # a test that is a command; NAME COMMAND..
    name=$1 before=$(seconds)
    shift
    if "$@"; then outcome='1 0'; else outcome='0 1'; fi
    echo "$before $(seconds) $outcome" | awk '{ print $2 - $1, $3, $4 }' > "$results/$name"
    awk -v name="$name" '{ printf "%6.1f s  %4d tests  %s\n", $1, 1, name }' "$results/$name"
}

one vectors "$build"/check-vectors
one hardening sh tools/make/hardening.sh "$build"/plumb
one dependencies sh tools/make/dependencies.sh
one style sh tools/make/style.sh

if [ -e "$results/failed" ]; then
    cat "$results/failed"
    rm "$results/failed"
fi
cat "$results"/* | awk -v start="$start" -v end="$(seconds)" -v processes="$processes" '
{ sum += $1; passed += $2; failed += $3 }
END {
    printf "%.0f s, and %.0f s of suites, %d at once\n", end - start, sum, processes
    printf "%d passed, %d failed\n", passed, failed
    exit failed > 0
}'
