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
    # Not string join: it fails where there is but one to join.
    printf '%s\n' $words[$at..]
end

function __pds_run_options
    __pds_using run; and not __pds_run_command >/dev/null
end

# Before the command's first character is there, fish asks with an empty word.
function __pds_run_subcommand
    set -l words (__pds_run_command); or return
    set -l current $words[-1]
    # Not a slice: of a list of one, [1..-2] is that one, backwards.
    set -e words[-1]
    complete -C (string join ' ' -- (string escape -- $words) $current)
end

complete -c pds -f
complete -c pds -n __pds_no_command -s h -l help -d 'print help'
complete -c pds -n __pds_no_command -s V -l version -d 'print the version'
complete -c pds -n __pds_no_command -a run -d 'run a command with the secrets that the manifest asks for'
complete -c pds -n __pds_no_command -a init -d 'make a vault, and a manifest if the folder has none'
complete -c pds -n __pds_no_command -a set -d 'store a secret'
complete -c pds -n __pds_no_command -a get -d 'print a secret'
complete -c pds -n __pds_no_command -a history -d 'list the versions of a secret'
complete -c pds -n __pds_no_command -a rollback -d 'make an older version the current one again'
complete -c pds -n __pds_no_command -a delete -d 'remove a secret and all of its versions'
complete -c pds -n __pds_no_command -a rm -d 'remove a secret and all of its versions'
complete -c pds -n __pds_no_command -a rename -d 'give a secret another name'
complete -c pds -n __pds_no_command -a list -d 'list the names of secrets'
complete -c pds -n __pds_no_command -a ls -d 'list the names of secrets'
complete -c pds -n __pds_no_command -a import -d 'store what a .env or JSON file holds'
complete -c pds -n __pds_no_command -a passwd -d 'change a profile\'s password'
complete -c pds -n __pds_no_command -a backup -d 'write a profile\'s vault, encrypted, to one file'
complete -c pds -n __pds_no_command -a restore -d 'put a vault back from a backup'
complete -c pds -n __pds_no_command -a check -d 'tell whether run would start'
complete -c pds -n __pds_no_command -a allow -d 'approve what a manifest asks for'
complete -c pds -n __pds_no_command -a disallow -d 'take a manifest\'s approval back'
complete -c pds -n __pds_no_command -a unlock -d 'unlock a profile'
complete -c pds -n __pds_no_command -a lock -d 'lock everything, or one profile'
complete -c pds -n __pds_no_command -a status -d 'show what is running and what is unlocked'
complete -c pds -n __pds_no_command -a audit -d 'show or check the record of every decision'
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
complete -c pds -n '__pds_using set' -l expires -x -d 'when it should be replaced'
complete -c pds -n '__pds_using set' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using set' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using set' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using set' -s h -l help -d 'print help'

complete -c pds -n '__pds_using get' -l version -x -d 'an older version'
complete -c pds -n '__pds_using get' -l json -d 'print a JSON object'
complete -c pds -n '__pds_using get' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using get' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using get' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using get' -s h -l help -d 'print help'

complete -c pds -n '__pds_using history' -l json -d 'print a JSON array'
complete -c pds -n '__pds_using history' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using history' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using history' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using history' -s h -l help -d 'print help'

complete -c pds -n '__pds_using rollback' -l to -x -d 'the version'
complete -c pds -n '__pds_using rollback' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using rollback' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using rollback' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using rollback' -s h -l help -d 'print help'

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

complete -c pds -n '__pds_using passwd' -l new-password-file -r -F -d 'read the new password from a file'
complete -c pds -n '__pds_using passwd' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using passwd' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using passwd' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using passwd' -s h -l help -d 'print help'

complete -c pds -n '__pds_using backup' -l list -d 'print the names of the secrets in it'
complete -c pds -n '__pds_using backup' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using backup' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using backup' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using backup' -s h -l help -d 'print help'
complete -c pds -n '__pds_using backup' -F

complete -c pds -n '__pds_using restore' -l replace -d 'put it in the place of a vault that is there'
complete -c pds -n '__pds_using restore' -l list -d 'print the names of the secrets in it'
complete -c pds -n '__pds_using restore' -s p -l profile -x -a '(__pds_profiles)' -d 'the profile'
complete -c pds -n '__pds_using restore' -l password-file -r -F -d 'read the password from a file'
complete -c pds -n '__pds_using restore' -l no-prompt -d 'never ask at the terminal'
complete -c pds -n '__pds_using restore' -s h -l help -d 'print help'
complete -c pds -n '__pds_using restore' -F

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

complete -c pds -n '__pds_using audit' -s h -l help -d 'print help'
complete -c pds -n '__pds_using audit; and not __fish_seen_subcommand_from show follow verify' -a 'show follow verify'
for command in show follow
    set -l condition "__pds_using audit; and __fish_seen_subcommand_from $command"
    complete -c pds -n "$condition" -l key -x -d 'only what is about this key'
    complete -c pds -n "$condition" -l client -x -d 'only what this requester asked for'
    complete -c pds -n "$condition" -l project -x -d 'only what was for this project'
    complete -c pds -n "$condition" -l outcome -x -a 'granted denied failed ended not-watched' -d 'only what ended so'
    complete -c pds -n "$condition" -l json -d 'print the lines as they are'
end
begin
    set -l condition '__pds_using audit; and __fish_seen_subcommand_from show'
    complete -c pds -n "$condition" -l since -x -d 'only from this time on'
    complete -c pds -n "$condition" -l until -x -d 'only up to this time'
    complete -c pds -n "$condition" -l running -d 'show the runs that hold secrets now'
    set condition '__pds_using audit; and __fish_seen_subcommand_from verify'
    complete -c pds -n "$condition" -l json -d 'print a JSON object'
end

complete -c pds -n '__pds_using daemon' -l ttl -x -d 'how long a value stays in memory'
complete -c pds -n '__pds_using daemon' -l idle -x -d 'how long an unused profile stays unlocked'
complete -c pds -n '__pds_using daemon' -s h -l help -d 'print help'

complete -c pds -n '__pds_using stop' -s h -l help -d 'print help'

complete -c pds -n '__pds_using help' -a 'run init set get history rollback delete rm rename list ls import passwd backup restore check allow disallow unlock lock status audit daemon stop help'
