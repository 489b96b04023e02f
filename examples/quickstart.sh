#!/usr/bin/env bash
# Builds pds and runs a program with two secrets out of an encrypted vault.
# Everything happens in a throwaway folder; nothing is asked, nothing stays.
#
# PDS=/path/to/pds takes a program that is built already.
set -euo pipefail

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ %s\n' "$*"; "$@"; }

need() {
    command -v "$1" >/dev/null 2>&1 && return
    printf 'quickstart: %s is missing\n' "$1" >&2
    printf 'quickstart: hint: %s\n' "$2" >&2
    exit 1
}

source_folder=$(cd "$(dirname "$0")/.." && pwd)
if [[ -z ${PDS:-} ]]; then
    need cargo 'install Rust with rustup, or from your distribution'
    need cc 'Debian: apt install gcc · Fedora: dnf install gcc · Arch: pacman -S gcc'
    need perl 'Debian: apt install perl · Fedora: dnf install perl · Arch: pacman -S perl'
    need make 'Debian: apt install make · Fedora: dnf install make · Arch: pacman -S make'
    say "Building (OpenSSL and SQLCipher are built along, once)"
    (cd "$source_folder" && cargo ship)
    triple=$(rustc -vV | sed -n 's/^host: //p')
    PDS=$source_folder/target/$triple/release/pds
fi
pds() { "$PDS" "$@"; }

room=$(mktemp -d "${TMPDIR:-/tmp}/pds.XXXXXX")
export PDS_HOME=$room/home
unset PDS_PROFILE PDS_MANIFEST PDS_PASSWORD_FILE PDS_NO_PROMPT
trap 'pds stop >/dev/null 2>&1 || true; rm -rf "$room"' EXIT
mkdir "$room/project"
cd "$room/project"

say "A vault, with a password that is only in a file of this folder"
(umask 077 && head -c 18 /dev/urandom | base64 >"$room/password")
show pds init --password-file "$room/password"

say "Two secrets: one from standard input, one made up"
printf 'sk_live_quickstart' | show pds set stripe/api-key --stdin
show pds set session --generate
show pds list

say "A manifest: what this project needs. It holds no secret"
cat >pds.toml <<'TOML'
pds = 1
project = "quickstart"

[vars]
GREETING = "hello"

[secrets]
STRIPE_KEY  = "stripe/api-key"
SESSION_KEY = "session"
TOML
cat pds.toml

say "It was changed, so it must be approved before it gets anything"
show pds run --no-prompt -- true || true
show pds allow

say "A program that runs with them"
# shellcheck disable=SC2016
show pds run -- sh -c 'echo "$GREETING, $STRIPE_KEY; the session key has ${#SESSION_KEY} characters"'

say "Locked, nothing is to be had"
show pds lock
if show pds run --no-prompt -- true; then
    echo "quickstart: a locked vault has answered" >&2
    exit 1
fi
show pds status

say "Done. Nothing of this is left behind"
