# Completion of pds(1) for fish. tests/docs.rs compares it with the command line.
# It starts nothing: completing never unlocks, asks or prolongs anything.

# Whether the line's command is one of the arguments.
function __pds_using
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- $words[2] $argv
end

function __pds_no_command
    test (count (commandline -opc)) -eq 1
end

# The profiles that have a vault.
function __pds_profiles
    set -l data $HOME/.local/share/pds
    set -q XDG_DATA_HOME; and test -n "$XDG_DATA_HOME"; and set data $XDG_DATA_HOME/pds
    set -q PDS_HOME; and test -n "$PDS_HOME"; and set data $PDS_HOME/data
    for folder in $data/vaults/*/
        path basename $folder
    end
end

# Of `pds run`, the words from the command on; nothing while there is none.
function __pds_run_command
    set -l words (commandline -opc) (commandline -ct)
    set -l at 3
    while test $at -le (count $words)
        switch $words[$at]
            case --
                set at (math $at + 1)
                break
            case -m --manifest -p --profile -e --env --password-file
                set at (math $at + 2)
            case '-*'
                set at (math $at + 1)
            case '*'
                break
        end
    end
    test $at -le (count $words); or return 1
    string join -- \n $words[$at..]
end

function __pds_run_options
    __pds_using run; and not __pds_run_command >/dev/null
end

# Before the command's first character is there, fish asks with an empty word.
function __pds_run_subcommand
    set -l words (__pds_run_command); or return
    complete -C (string join ' ' -- (string escape -- $words[1..-2]) $words[-1])
end

complete -c pds -f
complete -c pds -n __pds_no_command -s h -l help -d 'print help'
complete -c pds -n __pds_no_command -s V -l version -d 'print the version'
complete -c pds -n __pds_no_command -a run -d 'run a command with the secrets that the manifest asks for'
complete -c pds -n __pds_no_command -a init -d 'make a vault, and a manifest if the folder has none'
complete -c pds -n __pds_no_command -a set -d 'store a secret'
complete -c pds -n __pds_no_command -a get -d 'print a secret'
complete -c pds -n __pds_no_command -a delete -d 'remove a secret and all of its versions'
complete -c pds -n __pds_no_command -a rm -d 'remove a secret and all of its versions'
complete -c pds -n __pds_no_command -a rename -d 'give a secret another name'
complete -c pds -n __pds_no_command -a list -d 'list the names of secrets'
complete -c pds -n __pds_no_command -a ls -d 'list the names of secrets'
complete -c pds -n __pds_no_command -a import -d 'store what a .env or JSON file holds'
complete -c pds -n __pds_no_command -a check -d 'tell whether run would start'
complete -c pds -n __pds_no_command -a allow -d 'approve what a manifest asks for'
complete -c pds -n __pds_no_command -a disallow -d 'take a manifest\'s approval back'
complete -c pds -n __pds_no_command -a unlock -d 'unlock a profile'
complete -c pds -n __pds_no_command -a lock -d 'lock everything, or one profile'
complete -c pds -n __pds_no_command -a status -d 'show what is running and what is unlocked'
complete -c pds -n __pds_no_command -a daemon -d 'run the daemon in the foreground'
complete -c pds -n __pds_no_command -a stop -d 'lock everything and stop the daemon'
complete -c pds -n __pds_no_command -a help -d 'print the help of a command'

complete -c pds -n '__pds_using run; and __pds_run_options' -s m -l manifest -r -F -d 'the manifest'
complete -c pds -n '__pds_using run; and __pds_run_options' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using run; and __pds_run_options' -s e -l env -x -d 'set VAR from KEY'
complete -c pds -n '__pds_using run; and __pds_run_options' -l clean -d 'inherit only a few variables'
complete -c pds -n '__pds_using run; and __pds_run_options' -l dry-run -d 'show what each variable would be, and run nothing'
complete -c pds -n '__pds_using run; and __pds_run_options' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using run; and __pds_run_options' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using run; and __pds_run_options' -s h -l help -d 'print help'
complete -c pds -n '__pds_using run' -a '(__pds_run_subcommand)'

complete -c pds -n '__pds_using init' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using init' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using init' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using init' -s h -l help -d 'print help'

complete -c pds -n '__pds_using set' -l stdin -d 'read the value from standard input'
complete -c pds -n '__pds_using set' -l from-file -r -F -d 'read the value from a file'
complete -c pds -n '__pds_using set' -l generate -a 'hex:32 base64:32 base64url:32' -d 'make a random value'
complete -c pds -n '__pds_using set' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using set' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using set' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using set' -s h -l help -d 'print help'

complete -c pds -n '__pds_using get' -l json -d 'print a JSON object'
complete -c pds -n '__pds_using get' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using get' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using get' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using get' -s h -l help -d 'print help'

complete -c pds -n '__pds_using delete rm' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using delete rm' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using delete rm' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using delete rm' -s h -l help -d 'print help'

complete -c pds -n '__pds_using rename' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using rename' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using rename' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using rename' -s h -l help -d 'print help'

complete -c pds -n '__pds_using list ls' -l json -d 'print a JSON array'
complete -c pds -n '__pds_using list ls' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using list ls' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using list ls' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using list ls' -s h -l help -d 'print help'

complete -c pds -n '__pds_using import' -l format -x -a 'env json' -d 'what the file is'
complete -c pds -n '__pds_using import' -l prefix -x -d 'store each name as PREFIX/NAME'
complete -c pds -n '__pds_using import' -l overwrite -d 'replace keys that exist'
complete -c pds -n '__pds_using import' -l dry-run -d 'show what would be stored'
complete -c pds -n '__pds_using import' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using import' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using import' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using import' -s h -l help -d 'print help'
complete -c pds -n '__pds_using import' -F

complete -c pds -n '__pds_using check' -s m -l manifest -r -F -d 'the manifest'
complete -c pds -n '__pds_using check' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using check' -l json -d 'print a JSON object'
complete -c pds -n '__pds_using check' -s h -l help -d 'print help'

complete -c pds -n '__pds_using allow' -l list -d 'list the approved manifests'
complete -c pds -n '__pds_using allow' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using allow' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using allow' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using allow' -s h -l help -d 'print help'
complete -c pds -n '__pds_using allow' -F

complete -c pds -n '__pds_using disallow' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using disallow' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using disallow' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using disallow' -s h -l help -d 'print help'
complete -c pds -n '__pds_using disallow' -F

complete -c pds -n '__pds_using unlock' -l accept-older -d 'take a vault that is older than the one seen last'
complete -c pds -n '__pds_using unlock' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using unlock' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using unlock' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using unlock' -s h -l help -d 'print help'

complete -c pds -n '__pds_using lock' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using lock' -s h -l help -d 'print help'

complete -c pds -n '__pds_using status' -l json -d 'print a JSON object'
complete -c pds -n '__pds_using status' -s h -l help -d 'print help'

complete -c pds -n '__pds_using daemon' -l ttl -x -d 'how long a value stays in memory'
complete -c pds -n '__pds_using daemon' -l idle -x -d 'how long an unused profile stays unlocked'
complete -c pds -n '__pds_using daemon' -s h -l help -d 'print help'

complete -c pds -n '__pds_using stop' -s h -l help -d 'print help'

complete -c pds -n '__pds_using help' -a 'run init set get delete rm rename list ls import check allow disallow unlock lock status daemon stop help'
