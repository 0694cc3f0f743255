# man.sh PLUMB - plumb's manual page, of what its --help says
plumb=${1:?}
version=$("$plumb" --version | sed -n '1s/^plumb (Plumbline) \([^ ]*\).*/\1/p')

# Text as it stands: no line is a request, no hyphen a dash
literal() { sed 's/\\/\\e/g; s/-/\\-/g; s/^\([.'"'"']\)/\\\&\1/'; }

printf '.TH PLUMB 1 "" "plumbline %s" "User Commands"\n' "$version"
printf '.SH NAME\nplumb \\- judges whether a Gemma 4 port computes what Hugging Face computes\n'
printf '.SH SYNOPSIS\n.B plumb\n.I COMMAND\n.RI [ ARGUMENTS ]\n'
printf '.SH DESCRIPTION\n.nf\n'
"$plumb" --help | sed 1d | literal
printf '.fi\n'
for command in $("$plumb" --help | sed -n 's/^  \([a-z-]*\)  *[a-z].*/\1/p'); do
    printf '.SH "PLUMB %s"\n.nf\n' "$(printf %s "$command" | tr a-z- A-Z_ | tr _ -)"
    "$plumb" help "$command" | literal
    printf '.fi\n'
done
printf '.SH ENVIRONMENT\n.TP\n.B NO_COLOR\nNo colour, unless \\-\\-color=always is given.\n'
