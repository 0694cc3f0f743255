# completion.sh PLUMB bash|zsh|fish - completion of commands, options and bugs, of what plumb's --help says
plumb=${1:?} shell=${2:?}
commands=$("$plumb" --help | sed -n 's/^  \([a-z-]*\)  *[a-z].*/\1/p')

options_of() { "$plumb" help "$1" | sed -n 's/^ \{2,6\}\(-., \)\{0,1\}\(--[a-z][a-z-]*\).*/\2/p' | sort -u; }
summary_of() { "$plumb" --help | sed -n "s/^  $1  *\\([a-z].*\\)/\\1/p" | tr -d "'\\"; }

bash_cases() {
    for command in $commands; do
        printf '    %s) options="%s" ;;\n' "$command" "$(options_of "$command" | tr '\n' ' ')"
    done
}

case $shell in
bash | zsh)
    [ "$shell" = zsh ] && printf '#compdef plumb\nautoload -U bashcompinit && bashcompinit\n'
    cat << END
_plumb() {
    local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} options=
    COMPREPLY=()
    if [ "\$COMP_CWORD" = 1 ]; then
        COMPREPLY=(\$(compgen -W "$(echo $commands) help --help --version" -- "\$word"))
        return
    fi
    case \${COMP_WORDS[1]} in
$(bash_cases)
    help) COMPREPLY=(\$(compgen -W "$(echo $commands)" -- "\$word")); return ;;
    esac
    case \$before:\${COMP_WORDS[1]} in
    --bug:*|*:bugs) COMPREPLY=(\$(compgen -W "\$(plumb bugs 2> /dev/null | cut -d ' ' -f 1)" -- "\$word")) ;;
    esac
    [ \${#COMPREPLY[@]} -gt 0 ] && return
    case \$word in
    -*) COMPREPLY=(\$(compgen -W "\$options" -- "\$word")) ;;
    *) COMPREPLY=(\$(compgen -f -- "\$word")) ;;
    esac
}
complete -o filenames -F _plumb plumb
END
    ;;
fish)
    for command in $commands; do
        printf "complete -c plumb -n __fish_use_subcommand -f -a %s -d '%s'\n" "$command" "$(summary_of "$command")"
        for option in $(options_of "$command"); do
            printf "complete -c plumb -n '__fish_seen_subcommand_from %s' -l %s\n" "$command" "${option#--}"
        done
    done
    printf "complete -c plumb -n '__fish_seen_subcommand_from run grade' -l bug -x %s\n" \
        "-a '(plumb bugs 2> /dev/null | cut -d \" \" -f 1)'"
    ;;
*)
    echo "completion.sh: found $shell, expected bash, zsh or fish" >&2
    exit 2
    ;;
esac
