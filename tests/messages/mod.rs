//! Every message that a person can meet, in full, as it is said: `tests/messages/*.txt`.
//!
//! What a test can bring about is brought about with the real program; the rest is made
//! from the same error and said by the same code. After a change of words:
//! `PDS_WRITE=1 cargo test --test claims messages::`, and read the difference.

/// Questions and answers at a terminal.
mod dialogues;
/// Messages made from the errors themselves.
mod made;
/// What is printed as a report, in each state.
mod reports;
/// Messages that the program says.
mod situations;
/// The sources, and whether the catalogue has what they say.
mod structure;

use std::{collections::BTreeMap, fs, path::PathBuf};

use pds::say::{COLUMNS_MAX, Look, Told};

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
fn each_report_is_in_the_catalogue_in_full() {
    same_as_the_catalogue("reports", &reports::all());
}

#[test]
fn each_question_is_in_the_catalogue_in_full() {
    for (name, text) in dialogues::all() {
        same_as_the_catalogue(name, &text);
    }
}

/// As at a terminal, but for the colours.
const LOOK: Look = Look { colour: false, broken: true };

/// Every line of the catalogue that pds itself says, as a terminal gets it.
fn lines_at_a_terminal() -> Vec<(String, String)> {
    let mut all = Vec::new();
    // What was printed is data.
    let printed = ["shown.txt", "reports.txt"];
    let own = catalogue().into_iter().filter(|(name, _)| !printed.contains(&name.as_str()));
    for (name, text) in own {
        // What is typed is no line of ours, and so is what it is typed behind.
        let typed = |line: &&str| line.starts_with("$ ") || line.contains("]: ") || *line == "v";
        for line in text.replace("\n     ", " ").lines().filter(|line| !typed(line)) {
            let said = match line.strip_prefix("pds: ") {
                Some(message) => Told::new(message, None).rendered(LOOK),
                None => line.to_owned(),
            };
            all.extend(said.lines().map(|line| (name.clone(), line.to_owned())));
        }
    }
    all
}

#[test]
fn every_line_fits_into_80_columns_of_a_terminal() {
    let mut long = Vec::new();
    for (name, line) in lines_at_a_terminal() {
        // What a manifest asks for is shown as it is there, in a row.
        let is_shown =
            ["  secret  ", "  made    ", "  plain   "].iter().any(|row| line.starts_with(row));
        if line.chars().count() > COLUMNS_MAX && !is_shown {
            long.push(format!("{name}: {line}"));
        }
    }
    assert!(long.is_empty(), "say it in fewer words:\n{}", long.join("\n"));
}

#[test]
fn no_command_to_copy_is_broken() {
    let path = format!("/home/me/{}/pds.toml", "a/long/path/".repeat(8));
    for hint in [
        format!("pds allow {path}"),
        format!("nothing was changed; if you have a backup: pds restore {path} --replace -p work"),
        format!("pds stop, which locks; pds unlock -p work --password-file {path}, and try again"),
    ] {
        let told = Told::new("it is so", Some(hint.clone())).rendered(LOOK);
        for command in hint.split([';', ':', ',']).filter(|part| part.contains("pds ")) {
            assert!(told.contains(command.trim()), "{told}");
        }
    }
    // Nor any of the catalogue's.
    for (name, line) in lines_at_a_terminal() {
        let ends = [" -p", " --replace", " --password-file", "pds unlock --", "`pds"];
        assert!(!ends.iter().any(|end| line.ends_with(end)), "{name}: {line}");
    }
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
