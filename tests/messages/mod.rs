//! Every message that a person can meet, in full, as it is said: `tests/messages/*.txt`.
//!
//! What a test can bring about is brought about with the real program; the rest is made
//! from the same error and said by the same code. After a change of words:
//! `PDS_WRITE=1 cargo test --test claims messages::`, and read the difference.

/// Messages made from the errors themselves.
mod made;
/// Messages that the program says.
mod situations;

use std::{collections::BTreeMap, fs, path::PathBuf};

use pds::say::COLUMNS_MAX;

use crate::support::Terminal;

/// The folder of the sources: elsewhere when the tests run as another user.
fn root() -> PathBuf {
    std::env::var_os("PDS_TEST_SOURCE").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()).into()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[track_caller]
fn same_as_the_catalogue(name: &str, text: &str) {
    let path = format!("tests/messages/{name}.txt");
    if std::env::var_os("PDS_WRITE").is_some() {
        fs::write(root().join(&path), text).unwrap();
    }
    let kept = read(&path);
    let differs = kept.lines().zip(text.lines()).find(|(kept, said)| kept != said);
    assert!(
        kept == text,
        "{path} has other words, first {differs:?}; if they are meant: \
         `PDS_WRITE=1 cargo test --test claims messages::`"
    );
}

/// The whole catalogue as it is kept.
fn catalogue() -> BTreeMap<String, String> {
    let files = fs::read_dir(root().join("tests/messages")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let texts = names.filter(|name| name.ends_with(".txt"));
    texts.map(|name| (name.clone(), read(&format!("tests/messages/{name}")))).collect()
}

#[test]
fn each_message_that_an_error_makes_is_in_the_catalogue_in_full() {
    for (name, text) in made::all() {
        same_as_the_catalogue(name, &text);
    }
}

#[test]
fn each_message_of_the_program_is_in_the_catalogue_in_full() {
    for (name, text) in situations::all() {
        same_as_the_catalogue(name, &text);
    }
}

#[test]
fn every_line_fits_into_80_columns_of_a_terminal() {
    let mut long = Vec::new();
    for (name, text) in made::all() {
        for line in text.lines().filter(|line| line.chars().count() > COLUMNS_MAX) {
            long.push(format!("{name}: {line}"));
        }
    }
    assert!(long.is_empty(), "say it in fewer words:\n{}", long.join("\n"));
}

// ---- what is in the sources is in the catalogue

/// Sources whose errors reach the daemon's log alone: whoever asks is told a
/// `wire::Reason`, and each of those is in the catalogue.
const LOGGED_ONLY: [&str; 8] = [
    "src/crypto/",
    "src/daemon/audit/",
    "src/daemon/registry.rs",
    "src/daemon/session.rs",
    "src/store/",
    "src/sys/heap.rs",
    "src/sys/region.rs",
    "src/wire/",
];

/// Titles of several errors, each of which is said instead, and what nobody meets.
const TITLES: [&str; 14] = [
    "no",
    "some keys exist already",
    "some keys have no name of their own",
    "some keys have other values already",
    "some names can't be keys",
    "some values can't be exported",
    "some values can't be in an environment",
    "some variables are not set",
    "some variables can't be set",
    "the block is smaller than the environment",
    "the command and its environment are too large",
    "the daemon refuses",
    "the manifest is not approved",
    "`run` would not start",
];

/// What takes a long conversation to bring about, and the claims that have it.
const ELSEWHERE: [(&str, &str); 3] = [
    ("`{ENV_FILE}` is gone", "tests/takeover.rs"),
    ("`{ENV_FILE}` is still there", "tests/takeover.rs"),
    ("`{ENV_FILE}` has changed meanwhile", "tests/takeover.rs"),
];

fn is_said_elsewhere(format: &str, parts: &[String]) -> bool {
    let mut places = ELSEWHERE.iter().filter(|(said, _)| *said == format);
    places.any(|(_, path)| read(path).contains(parts.last().map_or("", String::as_str)))
}

/// The parts of a format string that are not filled in, in order.
fn fixed_parts(format: &str) -> Vec<String> {
    let plain = format.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let mut parts = Vec::new();
    let mut rest = plain.as_str();
    while let Some(open) = rest.find('{') {
        parts.push(&rest[..open]);
        rest = rest[open..].split_once('}').map_or("", |(_, after)| after);
    }
    parts.push(rest);
    let unescaped = |part: &str| {
        let part = part.replace('\u{1}', "{").replace('\u{2}', "}");
        part.replace("\\\"", "\"").replace("\\\\", "\\")
    };
    parts.into_iter().filter(|part| !part.trim().is_empty()).map(unescaped).collect()
}

/// Whether some line has all of these, in this order.
fn is_said(parts: &[String], catalogue: &str) -> bool {
    catalogue.lines().any(|line| {
        let mut rest = line;
        parts.iter().all(|part| match rest.find(part.as_str()) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    })
}

/// The string literal at the start of `text`, after white space.
fn literal(text: &str) -> Option<&str> {
    let text = text.trim_start().strip_prefix('"')?;
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some(&text[..end])
}

#[test]
fn every_message_in_the_sources_is_in_the_catalogue() {
    // A line that was broken is one message.
    let said = catalogue().into_values().collect::<String>().replace("\n     ", " ");
    let mut missing = Vec::new();
    let mut found = 0;
    for (path, code) in crate::docs::sources("src") {
        let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        if LOGGED_ONLY.iter().any(|place| path.starts_with(place)) {
            continue;
        }
        for start in ["#[error(", "note(", "note(format_args!(", "say::hint("] {
            for after in code.split(start).skip(1) {
                let Some(format) = literal(after) else { continue };
                let parts = fixed_parts(format);
                if parts.is_empty() || TITLES.contains(&format) {
                    continue;
                }
                found += 1;
                if !is_said(&parts, &said) && !is_said_elsewhere(format, &parts) {
                    missing.push(format!("{path}: \"{format}\""));
                }
            }
        }
    }
    assert!(found > 100, "the messages were not found");
    assert!(
        missing.is_empty(),
        "no file in tests/messages shows these in full. Bring each about in \
         tests/messages/situations.rs, or, where no test can, make the error in \
         tests/messages/made.rs; then `PDS_WRITE=1 cargo test --test claims messages::`, read \
         the difference, and commit it:\n{}",
        missing.join("\n")
    );
}

// ---- colours

const BOLD: &str = "\x1b[1mpds:\x1b[0m ";

#[test]
fn colours_are_for_a_terminal_that_has_them_and_nobody_else() {
    let sandbox = crate::support::Sandbox::ready();
    sandbox.manifest("[secrets]\nA = \"a\"\n");
    let plain = "pds: there is no `a` in profile `default`\npds: hint: pds set a\n";
    sandbox.pds(["check"]).env("TERM", "xterm").done().says(plain).end();
    let shown = |set: &[(&str, &str)]| Terminal::dialogue(&sandbox, &["check"], set).all();
    let styled = shown(&[("TERM", "xterm")]);
    assert!(styled.starts_with(BOLD) && styled.contains("\x1b[1;36mhint:\x1b[0m"), "{styled:?}");
    for set in [&[("TERM", "dumb")][..], &[], &[("TERM", "xterm"), ("NO_COLOR", "1")]] {
        assert_eq!(shown(set).replace("\r\n", "\n"), plain, "{set:?}");
    }
    sandbox.write_manifest("[secret]\n");
    let run =
        |set: &[(&str, &str)]| Terminal::dialogue(&sandbox, &["run", "--", "true"], set).all();
    assert!(run(&[("TERM", "xterm")]).contains("\x1b[1m\x1b[91merror"), "as rustc does");
    assert!(!run(&[("TERM", "xterm"), ("NO_COLOR", "1")]).contains('\x1b'));
}

#[test]
fn what_a_name_holds_does_not_reach_a_terminal_as_it_is() {
    let sandbox = crate::support::Sandbox::new();
    let odd = "a\x1b]0;t\x07\nb\u{202e}";
    for arguments in [
        &["unlock", "--password-file", odd][..],
        &["run", "-m", odd, "--", "true"],
        &["import", odd],
        &["import", odd, "--format", "env"],
        &["restore", odd],
        &["explain", odd, "-m", odd],
        &["run", "-e", "A=a", "--", odd],
    ] {
        let told = sandbox.pds(arguments).done().stderr();
        let bad = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!told.contains(bad) && !told.contains("\nb"), "{arguments:?}: {told:?}");
    }
}

// ---- streams that are closed, full or no longer read

#[test]
fn data_that_nobody_gets_is_an_error_and_a_reader_who_leaves_is_none() {
    let sandbox = crate::support::Sandbox::ready();
    sandbox.set("k", "v").manifest("[secrets]\nK = \"k\"\n");
    for command in ["list", "get k", "status", "check", "explain", "--help", "run --dry-run true"] {
        let status = if command.starts_with("run") { 125 } else { 1 };
        let sh = |script: &str| sandbox.sh(&script.replace("PDS", &format!("\"$PDS\" {command}")));
        let full = "pds: can't write to standard output: No space left on device (os error 28)\n";
        sh("PDS >/dev/full").done().code(status).says(full).end();
        if command != "--help" {
            let closed = "pds: can't write to standard output: Bad file descriptor (os error 9)\n";
            sh("PDS >&-").done().code(status).says(closed).end();
        }
        // A reader that is gone before anything is written, with SIGPIPE as it is by default,
        // and ignored, as some parents leave it.
        for trap in ["", "trap '' PIPE; "] {
            let script = format!("{trap}mkfifo p; exec 3<>p 4>p 3<&-; PDS >&4; rm p");
            sh(&script).done().stdout("").says("").end();
        }
    }
}

#[test]
fn a_closed_standard_error_changes_no_status() {
    let sandbox = crate::support::Sandbox::ready();
    sandbox.sh("\"$PDS\" get gone 2>&-").done().code(4).stdout("").says("").end();
    sandbox.sh("\"$PDS\" frobnicate 2>&-").done().code(2).stdout("").says("").end();
    sandbox.sh("\"$PDS\" get gone 2>/dev/full").done().code(4).end();
}
