# judge.sh - the step of action.yml: judges a dump, writes the report in every format, and ends as plumb does
#
# It reads PLUMB, CASE, DUMP, COMMAND, OPTIONS (a word a line) and FOLDER, and of the runner GITHUB_ACTION_PATH,
# GITHUB_OUTPUT and GITHUB_STEP_SUMMARY.
plumb=${PLUMB:-$GITHUB_ACTION_PATH/build/plumb}

refuse() { # a line
    echo "::error title=Plumbline::$1"
    echo "outcome=error" >> "$GITHUB_OUTPUT"
    exit 2
}

# A runner's log is a list of commands, too: %, and the ends of lines are written otherwise in these.
escaped() { printf %s "$1" | sed 's/%/%25/g' | tr '\r\n' '  '; }

case $COMMAND in
grade | diagnose) ;;
*) refuse "command: found $(escaped "$COMMAND"), expected diagnose or grade" ;;
esac
mkdir -p "$FOLDER" || refuse "folder: found no way to make $(escaped "$FOLDER"), expected a folder"
rm -f "$FOLDER"/report.* "$FOLDER/messages"

set -- "$COMMAND" "$CASE" "$DUMP"
while IFS= read -r word; do
    [ -z "$word" ] || set -- "$@" "$word"
done << END_OF_OPTIONS
$OPTIONS
END_OF_OPTIONS
# What a report says is text of strangers: nothing in it may command the runner.
stop=plumbline-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$stop"
"$plumb" "$@" --json "$FOLDER/report.json" 2> "$FOLDER/messages"
status=$?
cat "$FOLDER/messages"
echo "::$stop::"

if [ ! -s "$FOLDER/report.json" ]; then
    refuse "$(escaped "$(tail -n 1 "$FOLDER/messages")")"
fi
"$plumb" report "$FOLDER/report.json" --html "$FOLDER/report.html" --junit "$FOLDER/report.xml" \
    --sarif "$FOLDER/report.sarif" --csv "$FOLDER/report.csv" --markdown "$FOLDER/report.md" || exit 2
cat "$FOLDER/report.md" >> "$GITHUB_STEP_SUMMARY"

case $status in 0) outcome=pass ;; 1) outcome=fail ;; 3) outcome=nothing ;; *) outcome=error ;; esac
# The report's one line, without Markdown's marks
row='^| [^|]* | [^|]* | \*\*\([A-Z ]*\)\*\* | \(.*\) |$'
verdict=$(sed -n "s/$row/\\1  \\2/p" "$FOLDER/report.md" | head -1 | tr -d '\\')
{
    echo "outcome=$outcome"
    echo "verdict=$(escaped "$verdict")"
    echo "folder=$(escaped "$FOLDER")"
} >> "$GITHUB_OUTPUT"
[ $status = 0 ] || echo "::error title=Plumbline::$(escaped "$verdict")"
exit $status
