# bash completion for pds(1)

# Readline splits at `=`, so `-e A=b` is four words and `--format=env` three.
_pds() {
    local current previous word command='' position
    COMPREPLY=()
    current=${COMP_WORDS[COMP_CWORD]}
    previous=${COMP_WORDS[COMP_CWORD - 1]}
    for ((position = 1; position < COMP_CWORD; position++)); do
        word=${COMP_WORDS[position]}
        if [[ -z $command ]]; then
            [[ $word != -* ]] && command=$word
        elif [[ $command == run ]]; then
            case $word in
                --) _pds_command $((position + 1)); return ;;
                -m | --manifest | -p | --profile | -e | --env | --password-file)
                    [[ ${COMP_WORDS[position + 1]} == = ]] && ((position++))
                    ((position++)) ;;
                =) ((position++)) ;;
                -*) ;;
                *) _pds_command "$position"; return ;;
            esac
        fi
    done
    if [[ $current == = ]]; then
        current=''
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
        # The key of `-e VAR=KEY`, or the file of `--password-file PROFILE=FILE`.
        [[ $previous != -* ]] && previous=${COMP_WORDS[COMP_CWORD - 3]}
    fi
    case $previous in
        -m | --manifest | --from-file | --password-file) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        -p | --profile | -e | --env | --ttl | --idle | --prefix) return ;;
        --format) mapfile -t COMPREPLY < <(compgen -W 'env json' -- "$current"); return ;;
        --generate) mapfile -t COMPREPLY < <(compgen -W 'hex base64 base64url' -- "$current"); return ;;
    esac
    local words
    case $command in
        '') words='run init set get delete rm rename list ls import check allow disallow unlock lock status daemon stop help --help --version -h -V' ;;
        run) words='--manifest --profile --env --clean --dry-run --password-file --no-prompt --help -m -p -e -h --' ;;
        init) words='--profile --password-file --no-prompt --help -p -h' ;;
        set) words='--stdin --from-file --generate --profile --password-file --no-prompt --help -p -h' ;;
        get) words='--json --profile --password-file --no-prompt --help -p -h' ;;
        delete | rm | rename) words='--profile --password-file --no-prompt --help -p -h' ;;
        list | ls) words='--json --profile --password-file --no-prompt --help -p -h' ;;
        import) words='--format --prefix --overwrite --dry-run --profile --password-file --no-prompt --help -p -h' ;;
        check) words='--manifest --profile --json --help -m -p -h' ;;
        allow) words='--list --profile --password-file --no-prompt --help -p -h' ;;
        disallow) words='--profile --password-file --no-prompt --help -p -h' ;;
        unlock) words='--accept-older --profile --password-file --no-prompt --help -p -h' ;;
        lock) words='--profile --help -p -h' ;;
        status) words='--json --help -h' ;;
        daemon) words='--ttl --idle --help -h' ;;
        stop) words='--help -h' ;;
        help) words='run init set get delete rename list import check allow disallow unlock lock status daemon stop' ;;
        *) return ;;
    esac
    if [[ $command == @(import|allow|disallow) && $current != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    fi
}

# From word $1 on it is another command's line. bash-completion knows how that is
# completed; without it there are the names of commands and files.
_pds_command() {
    if declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif (($1 == COMP_CWORD)); then
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
    fi
}

complete -F _pds pds
