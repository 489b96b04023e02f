# Completion of pds(1) for bash. Made from the description of the command line:
# PDS_WRITE=1 cargo test --test claims completions::
# It starts no daemon: completing never unlocks, asks or prolongs anything.

# The commands below a command.
_pds_below() {
    list=()
    case $1 in
        '') list=(run init set get history rollback delete rm rename list ls import export passwd backup restore check explain schema allow disallow unlock lock status doctor audit client daemon stop completions man help) ;;
        audit) list=(show follow verify) ;;
        client) list=(add list revoke) ;;
    esac
}

# The options of a command.
_pds_options() {
    list=()
    case $1 in
        '') list=(-h --help -V --version) ;;
        run) list=(-m --manifest -p --profile -e --env --clean --dry-run --password-file --no-prompt --client-key -h --help) ;;
        init) list=(-p --profile --password-file --no-prompt -h --help) ;;
        set) list=(--stdin --from-file --generate --expires -p --profile --password-file --no-prompt --client-key -h --help) ;;
        get) list=(--version --json -p --profile --password-file --no-prompt --client-key -h --help) ;;
        history) list=(--json -p --profile --password-file --no-prompt --client-key -h --help) ;;
        rollback) list=(--to -p --profile --password-file --no-prompt --client-key -h --help) ;;
        delete | rm) list=(-p --profile --password-file --no-prompt --client-key -h --help) ;;
        rename) list=(-p --profile --password-file --no-prompt --client-key -h --help) ;;
        list | ls) list=(--json -p --profile --password-file --no-prompt --client-key -h --help) ;;
        import) list=(--format --from --first-line --from-env --prefix --overwrite --dry-run -p --profile --password-file --no-prompt --client-key -h --help) ;;
        export) list=(--format -m --manifest -o --output --force --name --yes -p --profile --password-file --no-prompt --client-key -h --help) ;;
        passwd) list=(--new-password-file -p --profile --password-file --no-prompt -h --help) ;;
        backup) list=(--list -p --profile --password-file --no-prompt -h --help) ;;
        restore) list=(--replace --list -p --profile --password-file --no-prompt -h --help) ;;
        check) list=(-m --manifest -p --profile --no-values --json --client-key -h --help) ;;
        explain) list=(-m --manifest -p --profile --json --client-key -h --help) ;;
        schema) list=(-h --help) ;;
        allow) list=(--list --json -p --profile --password-file --no-prompt -h --help) ;;
        disallow) list=(-p --profile --password-file --no-prompt -h --help) ;;
        unlock) list=(--accept-older -p --profile --password-file --no-prompt --client-key -h --help) ;;
        lock) list=(-p --profile --client-key -h --help) ;;
        status) list=(--json --client-key -h --help) ;;
        doctor) list=(--json --client-key -h --help) ;;
        audit) list=(-h --help) ;;
        'audit show') list=(--key --client --project --outcome --json --since --until --running -h --help) ;;
        'audit follow') list=(--key --client --project --outcome --json -h --help) ;;
        'audit verify') list=(--json -h --help) ;;
        client) list=(-h --help) ;;
        'client add') list=(--grant --uid --key-file -h --help) ;;
        'client list') list=(--json -h --help) ;;
        'client revoke') list=(-h --help) ;;
        daemon) list=(--ttl --idle -h --help) ;;
        stop) list=(-h --help) ;;
        completions) list=(-h --help) ;;
        man) list=(-h --help) ;;
    esac
}

# What follows an option, or stands at a place: sets `kind`.
_pds_takes() {
    kind=''
    list=()
    case "$1 $2" in
        'rename '2 | 'explain '1 | *' --expires' | *' --from-env' | *' --grant' | *' --idle' | *' --name' | *' --prefix' | *' --since' | *' --to' | *' --ttl' | *' --uid' | *' --until' | 'get --version') kind=free ;;
        'man '1) kind=words list=(1 5 8) ;;
        'completions '1) kind=words list=(bash zsh fish) ;;
        'import --format') kind=words list=(env json yaml) ;;
        'export --format') kind=words list=(env shell fish json yaml docker k8s github) ;;
        *' --outcome') kind=words list=(granted denied failed ended ended-unwatched not-watched) ;;
        *' --generate=') kind=words list=(hex:32 base64:32 base64url:32 password:24 uuid) ;;
        *' --from') kind=words list=(pass) ;;
        'help '1) kind=words list=(run init set get history rollback delete rm rename list ls import export passwd backup restore check explain schema allow disallow unlock lock status doctor audit client daemon stop completions man help) ;;
        'import '1 | 'backup '1 | 'restore '1 | 'allow '1 | 'disallow '1 | *' --client-key' | *' --from-file' | *' --key-file' | *' --manifest' | *' --new-password-file' | *' --output' | *' --password-file' | *' -m' | *' -o') kind=file ;;
        *' --env' | *' -e') kind=assignments ;;
        'client add '1 | 'client revoke '1 | *' --client') kind=clients ;;
        'export '[1-9]*) kind=entries ;;
        'set '1 | 'get '1 | 'history '1 | 'rollback '1 | 'delete '1 | 'rm '1 | 'rename '1 | *' --key') kind=keys ;;
        *' --profile' | *' -p') kind=profiles ;;
        *' --project') kind=projects ;;
        'run '[1-9]*) kind=program ;;
    esac
    [[ -n $kind ]]
}

# Offers the names $2... behind $1, which is what of the word is no part of a name, such
# as --format=. Not by compgen -W, which would run what stands in a name.
_pds_offer() {
    local before=$1 name strip=${COMP_WORDS[COMP_CWORD]}
    # For readline a word ends at = and :, and it replaces what is behind the last.
    [[ $strip =~ ^[=:]+$ ]] && strip=''
    strip=${word%"$strip"}
    shift
    for name in "$@"; do
        name=$before$name
        [[ $name == "$word"* ]] && COMPREPLY+=("${name#"$strip"}")
    done
}

# Offers what `kind` says, behind $1.
_pds_offer_kind() {
    local -a names
    case $kind in
        words) _pds_offer "$1" "${list[@]}" ;;
        # Readline's own, which knows of tildes and quotes.
        file) compopt -o default 2>/dev/null ;;
        free | program) ;;
        *)
            # The installed pds, whatever program of that name the line begins with: a
            # folder's own ./pds is not run by a press of Tab.
            mapfile -t names < <(command pds __complete "$kind" "${word#"$1"}" \
                "${words[@]:1:end-1}" 2>/dev/null </dev/null)
            _pds_offer "$1" "${names[@]}"
            # More belongs behind a folder of keys, and behind VAR=.
            [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[/=] ]] && compopt -o nospace 2>/dev/null
            ;;
    esac
}

# The program at place $1 of the line completes as it would without pds.
_pds_delegate() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
    else
        compopt -o default 2>/dev/null
    fi
}

_pds() {
    local -a words=() at=() list=()
    local i end word='' command='' option='' only='' kind='' place=0
    COMPREPLY=()
    # Readline has split at = and at :, so --format=e is three words.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if ((i > 1)) && [[ ${COMP_WORDS[i]} =~ ^[=:]+$ || ${COMP_WORDS[i-1]} =~ ^[=:]+$ ]]; then
            words[-1]+=${COMP_WORDS[i]}
        else
            words+=("${COMP_WORDS[i]}")
            at+=("$i")
        fi
    done
    end=$((${#words[@]} - 1))
    word=${words[end]}
    for ((i = 1; i < end; i++)); do
        if [[ -n $option ]]; then
            option=''
        elif [[ -z $only && ${words[i]} == -- ]]; then
            only=places
        elif [[ -z $only && ${words[i]} == -?* ]]; then
            _pds_takes "$command" "${words[i]}" && option=${words[i]}
        elif ((place == 0)) && _pds_below "$command" && [[ " ${list[*]} " == *" ${words[i]} "* ]]; then
            command+=${command:+ }${words[i]}
        else
            _pds_takes "$command" $((++place))
            [[ $kind == program ]] && { _pds_delegate "${at[i]}"; return; }
        fi
    done
    if [[ -n $option ]]; then
        _pds_takes "$command" "$option"
        _pds_offer_kind ''
    elif [[ -z $only && $word == --*=* ]]; then
        option=${word%%=*}
        _pds_takes "$command" "$option" || _pds_takes "$command" "$option=" || return
        _pds_offer_kind "$option="
    elif [[ -z $only && $word == -* ]]; then
        _pds_options "$command"
        _pds_offer '' "${list[@]}"
    else
        ((place == 0)) && _pds_below "$command" && _pds_offer '' "${list[@]}"
        _pds_takes "$command" $((place + 1)) || return
        [[ $kind == program ]] && { _pds_delegate "${at[end]}"; return; }
        _pds_offer_kind ''
    fi
}

complete -F _pds pds
