#!/usr/bin/env bash
# Builds pds and runs a program with two secrets out of an encrypted vault.
# Everything happens in a throwaway folder; nothing is asked, nothing stays.
#
# PDS=/path/to/pds takes a program that is built already.
set -euo pipefail

bold='' plain=''
if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { printf '$ %s\n' "$(shown "$@")"; "$@"; }
# As one would type it: quotes where an argument needs them.
shown() {
    local word line=''
    for word; do
        [[ $word =~ ^[A-Za-z0-9_./=:-]+$ ]] || word="'$word'"
        line+=" $word"
    done
    printf '%s' "${line:1}"
}

# Everything that is missing is told at once.
missing=0
lacks() {
    printf 'quickstart: %s is missing\n' "$1" >&2
    printf 'quickstart: hint: %s\n' "$2" >&2
    missing=1
}
has() { command -v "$1" >/dev/null 2>&1; }

# A minimal perl (Debian's perl-base) can't configure OpenSSL.
has_perl() { perl -MFindBin -MIPC::Cmd -MFile::Compare -MPod::Usage -e 1 >/dev/null 2>&1; }

# Static programs need the C library as an archive, which Fedora packs by itself.
has_static_libc() {
    local probe
    probe=$(mktemp)
    local linked=0
    printf 'int main(void) { return 0; }\n' | cc -static -x c -o "$probe" - 2>/dev/null || linked=1
    rm -f "$probe"
    return "$linked"
}

source_folder=$(cd "$(dirname "$0")/.." && pwd)
if [[ -z ${PDS:-} ]]; then
    has cargo || lacks cargo 'https://rustup.rs · Debian 13: apt install rustup · Fedora: dnf install rustup · Arch: pacman -S rustup'
    has_perl || lacks perl 'Debian: apt install perl · Fedora: dnf install perl · Arch: pacman -S perl'
    has make || lacks make 'Debian: apt install make · Fedora: dnf install make · Arch: pacman -S make'
    if ! has cc; then
        lacks cc 'Debian: apt install gcc libc6-dev · Fedora: dnf install gcc glibc-static · Arch: pacman -S gcc'
    elif ! has_static_libc; then
        lacks 'a static C library' 'Debian: apt install libc6-dev · Fedora: dnf install glibc-static · Arch: pacman -S glibc'
    fi
    ((missing == 0)) || exit 1
    say "Building (OpenSSL and SQLCipher are built along, once)"
    (cd "$source_folder" && cargo ship)
    triple=$(rustc -vV | sed -n 's/^host: //p')
    target=$(cd "$source_folder" && realpath -m -- "${CARGO_TARGET_DIR:-target}")
    PDS=$target/$triple/release/pds
fi
PDS=$(realpath -- "$PDS")
pds() { "$PDS" "$@"; }

# A run that must be refused, and why.
refused() {
    local why=$1 said
    shift
    printf '$ %s\n' "$(shown "$@")"
    if said=$("$@" 2>&1); then
        echo "quickstart: this should have been refused" >&2
        exit 1
    fi
    printf '%s\n' "$said"
    if [[ $said != *"$why"* ]]; then
        echo "quickstart: this was refused, but not because: $why" >&2
        exit 1
    fi
}

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
refused "more than you approved" pds run --no-prompt -- true
show pds allow

say "A program that runs with them"
# shellcheck disable=SC2016
show pds run -- sh -c 'echo "$GREETING, $STRIPE_KEY; the session key has ${#SESSION_KEY} characters"'

say "Locked, nothing is to be had"
show pds lock
refused "is locked" pds run --no-prompt -- true
show pds status
show pds stop

say "Done. Nothing of this is left behind"
