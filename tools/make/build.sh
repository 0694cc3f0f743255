# build.sh MAKE [ARGUMENTS] - builds, and says how far it is: a line that moves on a terminal, ten lines in a log
make=${1:?}
shift
total=$($make -n "$@" 2> /dev/null | grep -c -- ' -c -o ')
count=0

say() { # the file that is compiled
    if [ -t 2 ]; then
        printf '\r\033[Kcompiling %d of %d: %s' $count "$total" "$1" >&2
    elif [ $((count * 10 / total)) -gt $(((count - 1) * 10 / total)) ]; then
        echo "compiling $count of $total: $1" >&2
    fi
}

# make writes a line before each command, and errors go to stderr past all this.
{ $make --no-print-directory "$@" || echo 'failed'; } | while IFS= read -r line; do
    case $line in
    *' -c -o '*) count=$((count + 1)); say "${line##* }" ;;
    failed) exit 1 ;;
    esac
done
status=$?
[ -t 2 ] && printf '\r\033[K' >&2
exit $status
