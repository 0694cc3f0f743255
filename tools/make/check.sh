# check.sh BUILD - runs every test program, and adds up what they say
build=${1:?}
passed=0 failed=0

add() { # the closing line of Check: "97%: Checks: 120, Failures: 3, Errors: 1"
    line=$(printf '%s\n' "$1" | grep -E '^[0-9]+%: Checks: ' | tail -1)
    set -- $(printf '%s\n' "$line" | tr -c '0-9\n' ' ')
    bad=$((${3:-0} + ${4:-0}))
    passed=$((passed + ${2:-0} - bad)) failed=$((failed + bad))
    [ -n "$line" ]
}

for program in check-ref-f32 check-ref-f64 check-conformance "check-plumb $build/plumb"; do
    output=$("$build"/$program 2>&1)
    status=$?
    printf '%s\n' "$output"
    add "$output" && { [ $status = 0 ] || [ $bad -gt 0 ]; } || {
        echo "$program: found exit status $status and no clean closing line"
        failed=$((failed + 1))
    }
done

if "$build"/score --against docs/score.md ${SCORED:-$(ls fixtures/*/case.json | xargs -n 1 dirname)}; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
fi
for check in dependencies style; do
    if sh tools/make/$check.sh; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
