# Completion of pds(1) for bash. tests/docs.rs compares it with the command line.
# It starts nothing but ls: completing never unlocks, asks or prolongs anything.

_pds_commands='run init set get delete rm rename list ls import check allow disallow unlock lock status daemon stop help'

# The options of a command.
_pds_options() {
    case $1 in
        pds) echo '-h --help -V --version' ;;
        run) echo '-m --manifest -p --profile -e --env --clean --dry-run --password-file --no-prompt -h --help' ;;
        init) echo '-p --profile --password-file --no-prompt -h --help' ;;
        set) echo '--stdin --from-file --generate -p --profile --password-file --no-prompt -h --help' ;;
        get) echo '--json -p --profile --password-file --no-prompt -h --help' ;;
        delete|rm) echo '-p --profile --password-file --no-prompt -h --help' ;;
        rename) echo '-p --profile --password-file --no-prompt -h --help' ;;
        list|ls) echo '--json -p --profile --password-file --no-prompt -h --help' ;;
        import) echo '--format --prefix --overwrite --dry-run -p --profile --password-file --no-prompt -h --help' ;;
        check) echo '-m --manifest -p --profile --json -h --help' ;;
        allow) echo '--list -p --profile --password-file --no-prompt -h --help' ;;
        disallow) echo '-p --profile --password-file --no-prompt -h --help' ;;
        unlock) echo '--accept-older -p --profile --password-file --no-prompt -h --help' ;;
        lock) echo '-p --profile -h --help' ;;
        status) echo '--json -h --help' ;;
        daemon) echo '--ttl --idle -h --help' ;;
        stop) echo '-h --help' ;;
        help) echo '' ;;
    esac
}

# The options that take the next word.
_pds_takes_word() {
    case $1 in
        -m|--manifest|-p|--profile|-e|--env|--password-file|--from-file) return 0 ;;
        --format|--prefix|--ttl|--idle) return 0 ;;
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
                ((i++))
                # VAR=KEY is three words to bash, for which = breaks words.
                [[ ${COMP_WORDS[i+1]} == = ]] && ((i += 2))
            elif [[ ${COMP_WORDS[i]} == = ]]; then
                ((i++))
            elif [[ ${COMP_WORDS[i]} != -* ]]; then
                _pds_delegate "$i" "$word"
                return
            fi
        done
    fi
    case $before in
        -p|--profile) mapfile -t COMPREPLY < <(compgen -W "$(_pds_profiles)" -- "$word"); return ;;
        -m|--manifest|--password-file|--from-file)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return ;;
        --format) mapfile -t COMPREPLY < <(compgen -W 'env json' -- "$word"); return ;;
        -e|--env|--prefix|--ttl|--idle) return ;;
    esac
    case $command:$word in
        *:-*) mapfile -t COMPREPLY < <(compgen -W "$(_pds_options "$command")" -- "$word") ;;
        help:*) mapfile -t COMPREPLY < <(compgen -W "$_pds_commands" -- "$word") ;;
        import:*|allow:*|disallow:*)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    esac
}

complete -F _pds pds
