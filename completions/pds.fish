# fish completion for pds(1)

function __pds_needs_command
    set -l words (commandline -opc)
    test (count $words) -eq 1
end

function __pds_is
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- $words[2] $argv
end

# Which word of `pds run …` is the command: the one being typed is one past the last.
# Fails where an option, or the value of one, is being typed.
function __pds_command_at
    __pds_is run; or return 1
    set -l words (commandline -opc)
    set -l at 3
    while test $at -le (count $words)
        switch $words[$at]
            case --
                math $at + 1
                return
            case -m --manifest -p --profile -e --env --password-file
                set at (math $at + 2)
            case '-*'
                set at (math $at + 1)
            case '*'
                echo $at
                return
        end
    end
    test $at -gt (math (count $words) + 1); and return 1
    string match -q -- '-*' (commandline -ct); and return 1
    echo $at
end

function __pds_before_command
    __pds_is run; or return 1
    set -l at (__pds_command_at); or return 0
    test $at -gt (count (commandline -opc))
end

# Completes the command as if it stood alone.
function __pds_complete_command
    set -l at (__pds_command_at); or return
    set -l words (commandline -opc)
    set -l begun
    test $at -le (count $words); and set begun (string escape -- $words[$at..-1])
    complete -C (string join ' ' -- $begun (commandline -ct))
end

complete -c pds -f
complete -c pds -n __pds_needs_command -s h -l help -d 'Show help'
complete -c pds -n __pds_needs_command -s V -l version -d 'Show the version'
complete -c pds -n __pds_needs_command -a run -d 'Run a command with its secrets'
complete -c pds -n __pds_needs_command -a init -d 'Make a vault and a manifest'
complete -c pds -n __pds_needs_command -a set -d 'Store a secret'
complete -c pds -n __pds_needs_command -a get -d 'Print a secret'
complete -c pds -n __pds_needs_command -a 'delete rm' -d 'Remove a secret'
complete -c pds -n __pds_needs_command -a rename -d 'Give a secret another name'
complete -c pds -n __pds_needs_command -a 'list ls' -d 'List the names of secrets'
complete -c pds -n __pds_needs_command -a import -d 'Store what a file holds'
complete -c pds -n __pds_needs_command -a check -d 'Tell whether run would start'
complete -c pds -n __pds_needs_command -a allow -d 'Approve what a manifest asks for'
complete -c pds -n __pds_needs_command -a disallow -d 'Take an approval back'
complete -c pds -n __pds_needs_command -a unlock -d 'Unlock a profile'
complete -c pds -n __pds_needs_command -a lock -d 'Lock everything, or one profile'
complete -c pds -n __pds_needs_command -a status -d 'Show what is running'
complete -c pds -n __pds_needs_command -a daemon -d 'Run the daemon in the foreground'
complete -c pds -n __pds_needs_command -a stop -d 'Stop the daemon'
complete -c pds -n __pds_needs_command -a help -d 'Show help'

complete -c pds -n 'not __pds_needs_command; and begin; not __pds_is run; or __pds_before_command; end' -s h -l help -d 'Show help'
complete -c pds -n '__pds_before_command; or __pds_is init set get delete rm rename list ls import check allow disallow unlock lock' -s p -l profile -x -d 'The profile'
complete -c pds -n '__pds_before_command; or __pds_is init set get delete rm rename list ls import allow disallow unlock' -l password-file -r -F -d 'Read the password from a file'
complete -c pds -n '__pds_before_command; or __pds_is init set get delete rm rename list ls import allow disallow unlock' -l no-prompt -d 'Never ask'
complete -c pds -n '__pds_before_command; or __pds_is check' -s m -l manifest -r -F -d 'The manifest'
complete -c pds -n __pds_before_command -s e -l env -x -d 'Set VAR from KEY'
complete -c pds -n __pds_before_command -l clean -d 'Inherit only the usual few'
complete -c pds -n '__pds_before_command; or __pds_is import' -l dry-run -d 'Only show what would be done'
complete -c pds -n '__pds_command_at >/dev/null' -x -a '(__pds_complete_command)'
complete -c pds -n '__pds_is set' -l stdin -d 'Read the value from standard input'
complete -c pds -n '__pds_is set' -l from-file -r -F -d 'Read the value from a file'
complete -c pds -n '__pds_is set' -l generate -d 'Make a random value'
complete -c pds -n '__pds_is get list ls check status' -l json -d 'Print JSON'
complete -c pds -n '__pds_is import' -l format -x -a 'env json' -d 'What the file is'
complete -c pds -n '__pds_is import' -l prefix -x -d 'Store each name as PREFIX/NAME'
complete -c pds -n '__pds_is import' -l overwrite -d 'Replace keys that exist'
complete -c pds -n '__pds_is import allow disallow' -F
complete -c pds -n '__pds_is allow' -l list -d 'List what is approved'
complete -c pds -n '__pds_is unlock' -l accept-older -d 'Take an older vault'
complete -c pds -n '__pds_is daemon' -l ttl -x -d 'How long a value stays in memory'
complete -c pds -n '__pds_is daemon' -l idle -x -d 'How long an unused profile stays unlocked'
