# Completion of pds(1) for fish. Made from the description of the command line:
# PDS_WRITE=1 cargo test --test claims completions::
# It starts no daemon: completing never unlocks, asks or prolongs anything.

# Whether the line is about one of the commands $argv.
function __pds_at
    set -l words (commandline -opc)
    set -e words[1]
    for command in $argv
        set -l names (string split ' ' -- $command)
        set -l last (count $names)
        test "$names" = "$words[1..$last]"; and return 0
    end
    return 1
end

# Whether one of the commands $argv is what the line ends with; the program itself is ''.
function __pds_end
    set -l words (commandline -opc)
    set -e words[1]
    contains -- "$words" $argv
end

# Whether the word being completed is number $argv[1] to $argv[2] of those that are no
# options and no values of options.
function __pds_place
    set -l words (commandline -opc)
    set -e words[1]
    set -l place 1
    set -l command
    set -l value no
    for word in $words
        if test $value = yes
            set value no
        else if contains -- "$command $word" $__pds_takers
            set value yes
        else if string match -q -- '-*' $word
        else if contains -- (string trim "$command $word") $__pds_commands
            set command (string trim "$command $word")
        else
            set place (math $place + 1)
        end
    end
    test $place -ge $argv[1]; and test $place -le $argv[2]
end

# The names of a kind. It is the installed pds that is asked, whatever program of that name
# the line begins with: a folder's own ./pds is not run by a press of Tab.
function __pds_names
    set -l words (commandline -opc)
    set -e words[1]
    # Of --profile=work and of -pwork, what is the name.
    set -l word (commandline -ct | string replace -r -- '^(--[^=]*=|-[^-])' '')
    command -q pds; or return
    command pds __complete $argv[1] "$word" $words </dev/null 2>/dev/null
end

# Of `pds run`, the words from the program on; fails while there is none.
function __pds_program_words
    set -l words (commandline -opc) (commandline -ct)
    set -l at 3
    while test $at -le (count $words)
        if test "$words[$at]" = --
            set at (math $at + 1)
            break
        else if contains -- "run $words[$at]" $__pds_takers
            set at (math $at + 2)
        else if string match -q -- '-*' $words[$at]
            set at (math $at + 1)
        else
            break
        end
    end
    test $at -le (count $words); or return 1
    # Not string join: it fails where there is but one to join.
    printf '%s\n' $words[$at..]
end

# It completes as it would without pds.
function __pds_program
    # Before its first character is there, fish asks with an empty word.
    set -l words (__pds_program_words); or return
    set -l current $words[-1]
    # Not a slice: of a list of one, [1..-2] is that one, backwards.
    set -e words[-1]
    complete -C (string join ' ' -- (string escape -- $words) $current)
end

complete -c pds -f
set -g __pds_commands '' run init set get history rollback delete rm rename list ls import export passwd backup restore check explain schema allow disallow unlock lock status doctor audit 'audit show' 'audit follow' 'audit verify' client 'client add' 'client list' 'client revoke' daemon stop completions man help
set -g __pds_takers 'run -m' 'run --manifest' 'run -p' 'run --profile' 'run -e' 'run --env' 'run --password-file' 'run --client-key' 'init -p' 'init --profile' 'init --password-file' 'set --from-file' 'set --expires' 'set -p' 'set --profile' 'set --password-file' 'set --client-key' 'get --version' 'get -p' 'get --profile' 'get --password-file' 'get --client-key' 'history -p' 'history --profile' 'history --password-file' 'history --client-key' 'rollback --to' 'rollback -p' 'rollback --profile' 'rollback --password-file' 'rollback --client-key' 'delete -p' 'delete --profile' 'rm -p' 'rm --profile' 'delete --password-file' 'rm --password-file' 'delete --client-key' 'rm --client-key' 'rename -p' 'rename --profile' 'rename --password-file' 'rename --client-key' 'list -p' 'list --profile' 'ls -p' 'ls --profile' 'list --password-file' 'ls --password-file' 'list --client-key' 'ls --client-key' 'import --format' 'import --from' 'import --from-env' 'import --prefix' 'import -p' 'import --profile' 'import --password-file' 'import --client-key' 'export --format' 'export -m' 'export --manifest' 'export -o' 'export --output' 'export --name' 'export -p' 'export --profile' 'export --password-file' 'export --client-key' 'passwd --new-password-file' 'passwd -p' 'passwd --profile' 'passwd --password-file' 'backup -p' 'backup --profile' 'backup --password-file' 'restore -p' 'restore --profile' 'restore --password-file' 'check -m' 'check --manifest' 'check -p' 'check --profile' 'check --client-key' 'explain -m' 'explain --manifest' 'explain -p' 'explain --profile' 'explain --client-key' 'allow -p' 'allow --profile' 'allow --password-file' 'disallow -p' 'disallow --profile' 'disallow --password-file' 'unlock -p' 'unlock --profile' 'unlock --password-file' 'unlock --client-key' 'lock -p' 'lock --profile' 'lock --client-key' 'status --client-key' 'doctor --client-key' 'audit show --key' 'audit show --client' 'audit show --project' 'audit show --outcome' 'audit show --since' 'audit show --until' 'audit follow --key' 'audit follow --client' 'audit follow --project' 'audit follow --outcome' 'client add --grant' 'client add --uid' 'client add --key-file' 'daemon --ttl' 'daemon --idle'

complete -c pds -n '__pds_end \'\'' -a run -d 'run a command with the secrets that the manifest asks for'
complete -c pds -n '__pds_end \'\'' -a init -d 'make a vault, and a manifest if the folder has none'
complete -c pds -n '__pds_end \'\'' -a set -d 'store a secret'
complete -c pds -n '__pds_end \'\'' -a get -d 'print a secret'
complete -c pds -n '__pds_end \'\'' -a history -d 'list the versions of a secret'
complete -c pds -n '__pds_end \'\'' -a rollback -d 'make an older version of a secret the current one again'
complete -c pds -n '__pds_end \'\'' -a delete -d 'remove a secret and all of its versions'
complete -c pds -n '__pds_end \'\'' -a rm -d 'remove a secret and all of its versions'
complete -c pds -n '__pds_end \'\'' -a rename -d 'give a secret another name'
complete -c pds -n '__pds_end \'\'' -a list -d 'list the names of secrets'
complete -c pds -n '__pds_end \'\'' -a ls -d 'list the names of secrets'
complete -c pds -n '__pds_end \'\'' -a import -d 'store what a file, the store of pass or the environment holds'
complete -c pds -n '__pds_end \'\'' -a export -d 'write secrets in a form that other programs read'
complete -c pds -n '__pds_end \'\'' -a passwd -d 'change a profile\'s password'
complete -c pds -n '__pds_end \'\'' -a backup -d 'write a profile\'s vault, encrypted as it is, to one file'
complete -c pds -n '__pds_end \'\'' -a restore -d 'put a vault back from a backup'
complete -c pds -n '__pds_end \'\'' -a check -d 'tell whether `run` would start'
complete -c pds -n '__pds_end \'\'' -a explain -d 'show what a variable will be, from where, and what it stands in the place of'
complete -c pds -n '__pds_end \'\'' -a schema -d 'print the JSON schema of pds.toml, for editors'
complete -c pds -n '__pds_end \'\'' -a allow -d 'approve what a manifest asks for'
complete -c pds -n '__pds_end \'\'' -a disallow -d 'take a manifest\'s approval back'
complete -c pds -n '__pds_end \'\'' -a unlock -d 'unlock a profile'
complete -c pds -n '__pds_end \'\'' -a lock -d 'lock everything, or one profile'
complete -c pds -n '__pds_end \'\'' -a status -d 'show what is running and what is unlocked'
complete -c pds -n '__pds_end \'\'' -a doctor -d 'show what protects you here, and what to do about what doesn\'t'
complete -c pds -n '__pds_end \'\'' -a audit -d 'show or check the record of every decision about a secret'
complete -c pds -n '__pds_end \'\'' -a client -d 'let others have some of the secrets'
complete -c pds -n '__pds_end \'\'' -a daemon -d 'run the daemon in the foreground'
complete -c pds -n '__pds_end \'\'' -a stop -d 'lock everything and stop the daemon'
complete -c pds -n '__pds_end \'\'' -a completions -d 'print the completion for a shell'
complete -c pds -n '__pds_end \'\'' -a man -d 'show the manual'
complete -c pds -n '__pds_end \'\'' -a help -d 'print this message or the help of the given subcommand(s)'
complete -c pds -n '__pds_end \'\'' -s h -l help -d 'print help'
complete -c pds -n '__pds_end \'\'' -s V -l version -d 'print version'

complete -c pds -n '__pds_at run; and not __pds_program_words >/dev/null' -s m -l manifest -r -F -d 'the manifest'
complete -c pds -n '__pds_at run; and not __pds_program_words >/dev/null' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at run; and not __pds_program_words >/dev/null' -s e -l env -x -a '(__pds_names assignments)' -d 'set VAR from KEY, over what the manifest says'
complete -c pds -n '__pds_at run; and not __pds_program_words >/dev/null' -l clean -d 'inherit only PATH, HOME, USER, LOGNAME, SHELL, TERM, LANG, LC_*, TZ and TMPDIR'
complete -c pds -n '__pds_at run; and not __pds_program_words >/dev/null' -l dry-run -d 'show what each variable would be and from where, and run nothing'
complete -c pds -n '__pds_at run; and not __pds_program_words >/dev/null' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at run; and not __pds_program_words >/dev/null' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at run; and not __pds_program_words >/dev/null' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at run; and not __pds_program_words >/dev/null' -s h -l help -d 'print help'
complete -c pds -n '__pds_at run' -a '(__pds_program)'

complete -c pds -n '__pds_at init' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at init' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at init' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at init' -s h -l help -d 'print help'

complete -c pds -n '__pds_at set' -l stdin -d 'read the value from standard input, every byte of it'
complete -c pds -n '__pds_at set' -l from-file -r -F -d 'read the value from a file, every byte of it'
complete -c pds -n '__pds_at set' -l generate -a 'hex:32 base64:32 base64url:32 password:24 uuid' -d 'make a random value'
complete -c pds -n '__pds_at set' -l expires -x -d 'when it should be replaced'
complete -c pds -n '__pds_at set' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at set' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at set' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at set' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at set' -s h -l help -d 'print help'
complete -c pds -n '__pds_at set; and __pds_place 1 1' -a '(__pds_names keys)'

complete -c pds -n '__pds_at get' -l version -x -d 'an older version, as `history` numbers them'
complete -c pds -n '__pds_at get' -l json -d 'print a JSON object instead'
complete -c pds -n '__pds_at get' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at get' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at get' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at get' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at get' -s h -l help -d 'print help'
complete -c pds -n '__pds_at get; and __pds_place 1 1' -a '(__pds_names keys)'

complete -c pds -n '__pds_at history' -l json -d 'print a JSON array'
complete -c pds -n '__pds_at history' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at history' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at history' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at history' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at history' -s h -l help -d 'print help'
complete -c pds -n '__pds_at history; and __pds_place 1 1' -a '(__pds_names keys)'

complete -c pds -n '__pds_at rollback' -l to -x -d 'the version, as `history` numbers them'
complete -c pds -n '__pds_at rollback' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at rollback' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at rollback' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at rollback' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at rollback' -s h -l help -d 'print help'
complete -c pds -n '__pds_at rollback; and __pds_place 1 1' -a '(__pds_names keys)'

complete -c pds -n '__pds_at delete rm' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at delete rm' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at delete rm' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at delete rm' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at delete rm' -s h -l help -d 'print help'
complete -c pds -n '__pds_at delete rm; and __pds_place 1 1' -a '(__pds_names keys)'

complete -c pds -n '__pds_at rename' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at rename' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at rename' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at rename' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at rename' -s h -l help -d 'print help'
complete -c pds -n '__pds_at rename; and __pds_place 1 1' -a '(__pds_names keys)'

complete -c pds -n '__pds_at list ls' -l json -d 'print a JSON array, with versions and times'
complete -c pds -n '__pds_at list ls' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at list ls' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at list ls' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at list ls' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at list ls' -s h -l help -d 'print help'

complete -c pds -n '__pds_at import' -l format -x -a 'env json yaml' -d 'what the file is'
complete -c pds -n '__pds_at import' -l from -x -a 'pass' -d 'read the store of pass, which gpg decrypts'
complete -c pds -n '__pds_at import' -l first-line -d 'of each entry of the store only the first line'
complete -c pds -n '__pds_at import' -l from-env -x -d 'take a variable of this environment'
complete -c pds -n '__pds_at import' -l prefix -x -d 'store each name as PREFIX/NAME'
complete -c pds -n '__pds_at import' -l overwrite -d 'replace keys that exist'
complete -c pds -n '__pds_at import' -l dry-run -d 'show what would be stored, and store nothing'
complete -c pds -n '__pds_at import' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at import' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at import' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at import' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at import' -s h -l help -d 'print help'
complete -c pds -n '__pds_at import; and __pds_place 1 1' -F

complete -c pds -n '__pds_at export' -l format -x -a 'env shell fish json yaml docker k8s github' -d 'who is going to read it'
complete -c pds -n '__pds_at export' -s m -l manifest -r -F -d 'the manifest'
complete -c pds -n '__pds_at export' -s o -l output -r -F -d 'write a file that only you can read'
complete -c pds -n '__pds_at export' -l force -d 'replace the file that --output names'
complete -c pds -n '__pds_at export' -l name -x -d 'the name of the Kubernetes Secret'
complete -c pds -n '__pds_at export' -l yes -d 'show the values at a terminal without asking'
complete -c pds -n '__pds_at export' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at export' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at export' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at export' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at export' -s h -l help -d 'print help'
complete -c pds -n '__pds_at export; and __pds_place 1 99' -a '(__pds_names entries)'

complete -c pds -n '__pds_at passwd' -l new-password-file -r -F -d 'read the new password from a file'
complete -c pds -n '__pds_at passwd' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at passwd' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at passwd' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at passwd' -s h -l help -d 'print help'

complete -c pds -n '__pds_at backup' -l list -d 'print the names of the secrets that it holds as well'
complete -c pds -n '__pds_at backup' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at backup' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at backup' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at backup' -s h -l help -d 'print help'
complete -c pds -n '__pds_at backup; and __pds_place 1 1' -F

complete -c pds -n '__pds_at restore' -l replace -d 'put it in the place of a vault that is there, which is removed'
complete -c pds -n '__pds_at restore' -l list -d 'print the names of the secrets that were restored as well'
complete -c pds -n '__pds_at restore' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile, which must be the backup\'s own'
complete -c pds -n '__pds_at restore' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at restore' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at restore' -s h -l help -d 'print help'
complete -c pds -n '__pds_at restore; and __pds_place 1 1' -F

complete -c pds -n '__pds_at check' -s m -l manifest -r -F -d 'the manifest'
complete -c pds -n '__pds_at check' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at check' -l no-values -d 'look at the manifest alone'
complete -c pds -n '__pds_at check' -l json -d 'print a JSON object'
complete -c pds -n '__pds_at check' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at check' -s h -l help -d 'print help'

complete -c pds -n '__pds_at explain' -s m -l manifest -r -F -d 'the manifest'
complete -c pds -n '__pds_at explain' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at explain' -l json -d 'print a JSON array'
complete -c pds -n '__pds_at explain' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at explain' -s h -l help -d 'print help'

complete -c pds -n '__pds_at schema' -s h -l help -d 'print help'

complete -c pds -n '__pds_at allow' -l list -d 'list the approved manifests instead'
complete -c pds -n '__pds_at allow' -l json -d 'print the list as a JSON array'
complete -c pds -n '__pds_at allow' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at allow' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at allow' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at allow' -s h -l help -d 'print help'
complete -c pds -n '__pds_at allow; and __pds_place 1 1' -F

complete -c pds -n '__pds_at disallow' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at disallow' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at disallow' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at disallow' -s h -l help -d 'print help'
complete -c pds -n '__pds_at disallow; and __pds_place 1 1' -F

complete -c pds -n '__pds_at unlock' -l accept-older -d 'take a vault that is older than the one seen last'
complete -c pds -n '__pds_at unlock' -s p -l profile -x -a '(__pds_names profiles)' -d 'the profile'
complete -c pds -n '__pds_at unlock' -l password-file -r -F -d 'read the password from a file, which may be /dev/fd/N'
complete -c pds -n '__pds_at unlock' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_at unlock' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at unlock' -s h -l help -d 'print help'

complete -c pds -n '__pds_at lock' -s p -l profile -x -a '(__pds_names profiles)' -d 'lock only this profile'
complete -c pds -n '__pds_at lock' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at lock' -s h -l help -d 'print help'

complete -c pds -n '__pds_at status' -l json -d 'print a JSON object'
complete -c pds -n '__pds_at status' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at status' -s h -l help -d 'print help'

complete -c pds -n '__pds_at doctor' -l json -d 'print a JSON object'
complete -c pds -n '__pds_at doctor' -l client-key -r -F -d 'ask as the enrolled client whose key this is'
complete -c pds -n '__pds_at doctor' -s h -l help -d 'print help'

complete -c pds -n '__pds_end audit' -a show -d 'show what is on record'
complete -c pds -n '__pds_end audit' -a follow -d 'show what comes on record from now on, until Ctrl-C'
complete -c pds -n '__pds_end audit' -a verify -d 'check that nothing on record was altered, taken out or put in'
complete -c pds -n '__pds_end audit' -s h -l help -d 'print help'

complete -c pds -n '__pds_at \'audit show\'' -l key -x -a '(__pds_names keys)' -d 'only what is about this key'
complete -c pds -n '__pds_at \'audit show\'' -l client -x -a '(__pds_names clients)' -d 'only what this requester asked for'
complete -c pds -n '__pds_at \'audit show\'' -l project -x -a '(__pds_names projects)' -d 'only what was for this project'
complete -c pds -n '__pds_at \'audit show\'' -l outcome -x -a 'granted denied failed ended ended-unwatched not-watched' -d 'only what ended so'
complete -c pds -n '__pds_at \'audit show\'' -l json -d 'print the lines as they are'
complete -c pds -n '__pds_at \'audit show\'' -l since -x -d 'only from this time on'
complete -c pds -n '__pds_at \'audit show\'' -l until -x -d 'only up to this time'
complete -c pds -n '__pds_at \'audit show\'' -l running -d 'show the runs that hold secrets now instead'
complete -c pds -n '__pds_at \'audit show\'' -s h -l help -d 'print help'

complete -c pds -n '__pds_at \'audit follow\'' -l key -x -a '(__pds_names keys)' -d 'only what is about this key'
complete -c pds -n '__pds_at \'audit follow\'' -l client -x -a '(__pds_names clients)' -d 'only what this requester asked for'
complete -c pds -n '__pds_at \'audit follow\'' -l project -x -a '(__pds_names projects)' -d 'only what was for this project'
complete -c pds -n '__pds_at \'audit follow\'' -l outcome -x -a 'granted denied failed ended ended-unwatched not-watched' -d 'only what ended so'
complete -c pds -n '__pds_at \'audit follow\'' -l json -d 'print the lines as they are'
complete -c pds -n '__pds_at \'audit follow\'' -s h -l help -d 'print help'

complete -c pds -n '__pds_at \'audit verify\'' -l json -d 'print a JSON object'
complete -c pds -n '__pds_at \'audit verify\'' -s h -l help -d 'print help'

complete -c pds -n '__pds_end client' -a add -d 'make a key, a socket and rights of its own for an agent, a container or a CI job'
complete -c pds -n '__pds_end client' -a list -d 'show who is enrolled, and what each may do'
complete -c pds -n '__pds_end client' -a revoke -d 'take a client\'s rights, at once'
complete -c pds -n '__pds_end client' -s h -l help -d 'print help'

complete -c pds -n '__pds_at \'client add\'' -l grant -x -d 'what it may do, such as \'work:db/*:get,list\''
complete -c pds -n '__pds_at \'client add\'' -l uid -x -d 'the user id that may use it'
complete -c pds -n '__pds_at \'client add\'' -l key-file -r -F -d 'where its key goes'
complete -c pds -n '__pds_at \'client add\'' -s h -l help -d 'print help'
complete -c pds -n '__pds_at \'client add\'; and __pds_place 1 1' -a '(__pds_names clients)'

complete -c pds -n '__pds_at \'client list\'' -l json -d 'print a JSON array'
complete -c pds -n '__pds_at \'client list\'' -s h -l help -d 'print help'

complete -c pds -n '__pds_at \'client revoke\'' -s h -l help -d 'print help'
complete -c pds -n '__pds_at \'client revoke\'; and __pds_place 1 1' -a '(__pds_names clients)'

complete -c pds -n '__pds_at daemon' -l ttl -x -d 'how long a value stays in memory'
complete -c pds -n '__pds_at daemon' -l idle -x -d 'how long an unused profile stays unlocked'
complete -c pds -n '__pds_at daemon' -s h -l help -d 'print help'

complete -c pds -n '__pds_at stop' -s h -l help -d 'print help'

complete -c pds -n '__pds_at completions' -s h -l help -d 'print help'
complete -c pds -n '__pds_at completions; and __pds_place 1 1' -a 'bash zsh fish'

complete -c pds -n '__pds_at man' -s h -l help -d 'print help'
complete -c pds -n '__pds_at man; and __pds_place 1 1' -a '1 5 8'

complete -c pds -n '__pds_at help; and __pds_place 1 1' -a 'run init set get history rollback delete rm rename list ls import export passwd backup restore check explain schema allow disallow unlock lock status doctor audit client daemon stop completions man help'
