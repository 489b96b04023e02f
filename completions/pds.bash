# Completion of pds(1) for bash. tests/docs.rs compares it with the command line.
# It starts nothing but ls: completing never unlocks, asks or prolongs anything.

_pds_commands='run init set get history rollback delete rm rename list ls import passwd backup restore check allow disallow unlock lock status audit daemon stop help'

# The options of a command.
_pds_options() {
    case $1 in
        pds) echo '-h --help -V --version' ;;
        run) echo '-m --manifest -p --profile -e --env --clean --dry-run --password-file --no-prompt -h --help' ;;
        init) echo '-p --profile --password-file --no-prompt -h --help' ;;
        set) echo '--stdin --from-file --generate --expires -p --profile --password-file --no-prompt -h --help' ;;
        get) echo '--version --json -p --profile --password-file --no-prompt -h --help' ;;
        history) echo '--json -p --profile --password-file --no-prompt -h --help' ;;
        rollback) echo '--to -p --profile --password-file --no-prompt -h --help' ;;
        delete|rm) echo '-p --profile --password-file --no-prompt -h --help' ;;
        rename) echo '-p --profile --password-file --no-prompt -h --help' ;;
        list|ls) echo '--json -p --profile --password-file --no-prompt -h --help' ;;
        import) echo '--format --prefix --overwrite --dry-run -p --profile --password-file --no-prompt -h --help' ;;
        passwd) echo '--new-password-file -p --profile --password-file --no-prompt -h --help' ;;
        backup) echo '--list -p --profile --password-file --no-prompt -h --help' ;;
        restore) echo '--replace --list -p --profile --password-file --no-prompt -h --help' ;;
        check) echo '-m --manifest -p --profile --json -h --help' ;;
        allow) echo '--list -p --profile --password-file --no-prompt -h --help' ;;
        disallow) echo '-p --profile --password-file --no-prompt -h --help' ;;
        unlock) echo '--accept-older -p --profile --password-file --no-prompt -h --help' ;;
        lock) echo '-p --profile -h --help' ;;
        status) echo '--json -h --help' ;;
        audit) echo '-h --help' ;;
        daemon) echo '--ttl --idle -h --help' ;;
        stop) echo '-h --help' ;;
        help) echo '' ;;
    esac
}

# The options of a command of audit.
_pds_audit_options() {
    local filter='--key --client --project --outcome --json'
    case $1 in
        show) echo "$filter --since --until --running -h --help" ;;
        follow) echo "$filter -h --help" ;;
        verify) echo "--json -h --help" ;;
    esac
}

# The options that take the next word.
_pds_takes_word() {
    case $1 in
        -m|--manifest|-p|--profile|-e|--env|--password-file|--from-file) return 0 ;;
        --format|--prefix|--ttl|--idle) return 0 ;;
        --expires|--version|--to|--new-password-file) return 0 ;;
    esac
    return 1
}

# The profiles that have a vault.
_pds_profiles() {
    local home=${PDS_HOME:+$PDS_HOME/data}
    command ls -- "${home:-${XDG_DATA_HOME:-$HOME/.local/share}/pds}/vaults" 2>/dev/null
}

# The command at place $1 of the line completes as it would without pds.
_pds_delegate() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        mapfile -t COMPREPLY < <(compgen -c -- "$2")
    else
        compopt -o default 2>/dev/null
    fi
}

_pds() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local command='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -*) ;;
            *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    if [[ -z $command ]]; then
        case $word in
            -*) mapfile -t COMPREPLY < <(compgen -W "$(_pds_options pds)" -- "$word") ;;
            *) mapfile -t COMPREPLY < <(compgen -W "$_pds_commands" -- "$word") ;;
        esac
        return
    fi
    if [[ $command == run ]]; then
        for ((i++; i <= COMP_CWORD; i++)); do
            if [[ ${COMP_WORDS[i]} == -- ]]; then
                ((i < COMP_CWORD)) && { _pds_delegate $((i + 1)) "$word"; return; }
                break
            elif _pds_takes_word "${COMP_WORDS[i]}"; then
                # --env VAR=KEY is four words to bash, and --env=VAR=KEY five: for it = is a word.
                [[ ${COMP_WORDS[i+1]} == = ]] && ((i++))
                ((i++))
            elif [[ ${COMP_WORDS[i]} == = ]]; then
                ((i++))
            elif [[ ${COMP_WORDS[i]} != -* ]]; then
                _pds_delegate "$i" "$word"
                return
            fi
        done
    fi
    # The same for what is being completed: --format=e is --format, =, e.
    if [[ $word == = ]]; then
        word=''
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
        # Of P=F, what decides is whose value that is.
        [[ $before != -* ]] && before=${COMP_WORDS[COMP_CWORD-3]}
    fi
    case $before in
        -p|--profile) mapfile -t COMPREPLY < <(compgen -W "$(_pds_profiles)" -- "$word"); return ;;
        -m|--manifest|--password-file|--from-file|--new-password-file)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return ;;
        --format) mapfile -t COMPREPLY < <(compgen -W 'env json' -- "$word"); return ;;
        --outcome)
            mapfile -t COMPREPLY < <(compgen -W 'granted denied failed ended not-watched' -- "$word")
            return ;;
        -e|--env|--prefix|--ttl|--idle|--expires|--version|--to) return ;;
        --key|--client|--project|--since|--until) return ;;
    esac
    if [[ $command == audit && $COMP_CWORD -gt $((i + 1)) ]]; then
        [[ $word == -* ]] || return
        mapfile -t COMPREPLY < <(compgen -W "$(_pds_audit_options "${COMP_WORDS[i+1]}")" -- "$word")
        return
    fi
    case $command:$word in
        *:-*) mapfile -t COMPREPLY < <(compgen -W "$(_pds_options "$command")" -- "$word") ;;
        help:*) mapfile -t COMPREPLY < <(compgen -W "$_pds_commands" -- "$word") ;;
        audit:*) mapfile -t COMPREPLY < <(compgen -W 'show follow verify' -- "$word") ;;
        import:*|backup:*|restore:*|allow:*|disallow:*)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    esac
}

complete -F _pds pds
