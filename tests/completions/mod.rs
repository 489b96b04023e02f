//! What the shells offer, asked of the shells themselves. The files are made from the
//! description of the command line, so that no option is missing. Where a shell is
//! missing, the claim says that it was skipped.

/// What the shells need to know of the command line.
mod describe;
/// The files, from templates and tables.
mod generate;
/// What a press of Tab learns, and what it never does.
mod names;
/// Shells at a terminal.
mod tab;

use crate::support::Sandbox;
use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::Once,
};

/// A file of the sources, which are elsewhere when the tests run as another user.
fn file(name: &str) -> PathBuf {
    let root =
        std::env::var("PDS_TEST_SOURCE").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
    let folder = PathBuf::from(root).join("completions");
    static WRITTEN: Once = Once::new();
    WRITTEN.call_once(|| {
        if std::env::var_os("PDS_WRITE").is_some() {
            for (name, made) in generate::files() {
                std::fs::write(folder.join(name), made).unwrap();
            }
        }
    });
    folder.join(name)
}

#[test]
fn the_files_are_what_the_description_of_the_command_line_makes_of_them() {
    for (name, made) in generate::files() {
        assert!(
            std::fs::read_to_string(file(name)).unwrap() == made,
            "completions/{name} is not what the command line asks for; it is never edited by \
             hand: run `PDS_WRITE=1 cargo test --test claims completions::`, and commit it"
        );
    }
}

/// What `shell` prints for `script`; `None` if it isn't installed.
fn ask(shell: &str, arguments: &[&str], script: &str, words: &[&str]) -> Option<Vec<String>> {
    // fish makes folders in it.
    let home = tempfile::tempdir().unwrap();
    let command = Command::new(shell)
        .args(arguments)
        .args(["-c", script])
        .args(words)
        .env_remove("BASH_ENV")
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME")
        .stdin(Stdio::null())
        .output();
    let Ok(output) = command else {
        eprintln!("skipped: needs {shell}");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{words:?}: {said}");
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

/// What bash offers for the last word of `line`; or `@N` where it leaves the line from
/// word N on to bash-completion.
fn bash(line: &[&str]) -> Option<Vec<String>> {
    let script = r#"
        source "$0"
        _command_offset() { COMPREPLY=("@$1"); }
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _pds
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let source = file("pds.bash");
    let words: Vec<_> = [source.to_str().unwrap()].into_iter().chain(line.to_vec()).collect();
    ask("bash", &["--norc", "--noprofile"], script, &words)
}

/// What fish offers for a line.
fn fish(line: &str) -> Option<Vec<String>> {
    let source = file("pds.fish");
    let script = format!(
        "source {}; function pdsprobe; end; complete -c pdsprobe -f; \
         complete -c pdsprobe -n 'test (count (commandline -opc)) -eq 1' -a first; \
         complete -c pdsprobe -l zeta; complete -c pdsprobe -l clean-probe; complete -C '{line}'",
        shell_words::quote(source.to_str().unwrap()),
    );
    let offered = ask("fish", &["--no-config"], &script, &[])?;
    Some(offered.iter().map(|row| row.split('\t').next().unwrap().to_owned()).collect())
}

#[test]
fn in_bash_a_command_behind_run_completes_as_if_it_stood_alone() {
    // Readline makes words of `=` and of what is around it.
    for (line, offset) in [
        (&["run", "--", "git", "ch"][..], "@3"),
        (&["run", "git", "ch"], "@2"),
        (&["run", "git", "--cl"], "@2"),
        (&["run", "--clean", "--", "gi"], "@4"),
        (&["run", "-p", "work", "--no-prompt", "git", ""], "@5"),
        (&["run", "-e", "A", "=", "b", "git", ""], "@6"),
        (&["run", "--profile", "=", "work", "--", "git", ""], "@6"),
        (&["run", "--password-file", "=", "p", "=", "/f", "git", ""], "@7"),
        (&["run", "--manifest", "x", "git", "-p", "x", "--", ""], "@4"),
    ] {
        let words: Vec<_> = ["pds"].into_iter().chain(line.to_vec()).collect();
        let Some(offered) = bash(&words) else { return };
        assert_eq!(offered, [offset], "{words:?}");
    }
}

#[test]
fn bash_offers_the_words_of_each_command_and_no_others() {
    for (line, expected) in [
        (&["st"][..], &["status", "stop"][..]),
        (&["run", "--cle"], &["--clean"]),
        (&["status", "--"], &["--json", "--client-key", "--help"]),
        (&["import", "--format", ""], &["env", "json", "yaml"]),
        (&["import", "--format", "=", "e"], &["env"]),
        (&["import", "--format", "="], &["env", "json", "yaml"]),
        (&["get", "-p", ""], &[]),
        (&["lock", "--a"], &[]),
    ] {
        let words: Vec<_> = ["pds"].into_iter().chain(line.to_vec()).collect();
        let Some(mut offered) = bash(&words) else { return };
        offered.retain(|word| !word.is_empty());
        assert_eq!(offered, expected, "{words:?}");
    }
}

#[test]
fn in_fish_a_command_behind_run_completes_as_if_it_stood_alone() {
    for before in [
        "run",
        "run --",
        "run --clean --",
        "run -p work",
        "run -p work --",
        "run -e A=b --dry-run",
        "run --profile=work",
        "run --manifest x --password-file p=/f --",
    ] {
        let line = |rest: &str| fish(&format!("pds {before} {rest}"));
        let Some(offered) = line("pdsprobe ") else { return };
        assert_eq!(offered, ["first"], "{before}");
        assert_eq!(line("pdsprobe --z").unwrap(), ["--zeta"], "{before}");
        // And not run's own --clean.
        assert_eq!(line("pdsprobe --cl").unwrap(), ["--clean-probe"], "{before}");
        assert!(line("pdsprob").unwrap().contains(&"pdsprobe".to_owned()), "{before}");
    }
}

#[test]
fn fish_offers_the_words_of_each_command_and_no_others() {
    for (line, expected) in [
        ("pds st", &["status", "stop"][..]),
        ("pds run --cle", &["--clean"]),
        ("pds status --j", &["--json"]),
        ("pds import --format ", &["env", "json", "yaml"]),
        ("pds run -p ", &[]),
        ("pds lock --a", &[]),
    ] {
        let Some(offered) = fish(line) else { return };
        assert_eq!(offered, expected, "{line}");
    }
}

#[test]
fn the_program_carries_the_completions_and_the_manual_along() {
    if std::env::var_os("PDS_WRITE").is_some() {
        return; // it carries those that were just replaced
    }
    let sandbox = Sandbox::new();
    for (arguments, path) in [
        (["completions", "bash"], "completions/pds.bash"),
        (["completions", "zsh"], "completions/_pds"),
        (["completions", "fish"], "completions/pds.fish"),
        (["man", "1"], "man/pds.1"),
        (["man", "5"], "man/pds.5"),
        (["man", "8"], "man/pds-daemon.8"),
    ] {
        let kept = std::fs::read(file("..").join(path)).unwrap();
        sandbox.pds(arguments).done().code(0).stdout(kept).end();
    }
    let usual = sandbox.pds(["man"]).text();
    assert!(usual.contains("\n.Dt PDS 1\n"));
    assert_eq!(sandbox.daemon_pid(), None);
}
