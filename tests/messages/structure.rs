//! What is in the sources is in the catalogue, and reaches a person from there alone.

use super::{catalogue, root};

/// Sources whose texts nobody meets as they are: those of the daemon's log (whoever asks is
/// told a `wire::Reason`, and each of those is in the catalogue); help, which the manual is
/// compared with; instructions of the processor.
const UNSEEN: [&str; 14] = [
    "src/bin/",
    "src/cli/",
    "src/crypto/",
    "src/daemon/audit/",
    "src/daemon/enrolment.rs",
    "src/daemon/registry.rs",
    "src/daemon/session.rs",
    "src/fuzz.rs",
    "src/store/",
    "src/sys/heap.rs",
    "src/sys/region.rs",
    "src/sys/rest.rs",
    "src/sys/stack.rs",
    "src/wire/",
];

/// Reports, which are data on standard output. Nothing of theirs is said: see [`reports_say_nothing`].
const REPORTS: [&str; 7] = [
    "src/commands/audit/record.rs",
    "src/commands/audit/running.rs",
    "src/commands/audit/verify.rs",
    "src/commands/client.rs",
    "src/commands/doctor/",
    "src/commands/status.rs",
    "src/run/explain.rs",
];

/// Titles of several errors, each of which is said instead.
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

/// What is no message: colours, what is written into files, forms of export, what a parser of a
/// crate's would say and is not asked, and the two ends of a process that is broken, which
/// tests/hardening.rs and tests/memory bring about.
const NO_MESSAGES: [&str; 12] = [
    r"\x1b[1mpds:\x1b[0m \x1b[1;36m{word}\x1b[0m",
    "# What this project needs. It holds no secret: commit it.",
    "# RUST_LOG = \"info\"",
    "# STRIPE_KEY = \"stripe/api-key\"",
    "set -gx ",
    "kind: Secret",
    "type: Opaque",
    "see the problem",
    "a number of more than 24 digits",
    "an object, a string, a whole number or a boolean",
    "secret memory was overrun",
    "pds: internal error at {file}:{line}",
];

/// What `doctor` says of machines that the tests do not run on, and can't make this one into:
/// with swap, without a page to lock, with a kernel that has no filters or no clock; and what
/// no daemon of this version refuses a single key for. Tests beside them show each in full.
const NOT_HERE: [&str; 9] = [
    "not a page of locked memory can be had",
    "the kernel takes no filters, and the daemon does not start without",
    "use a kernel with CONFIG_SECCOMP_FILTER",
    "in memory or on a mapped device",
    "{}: what Argon2 works in may meet it",
    "encrypt the swap, or use zram",
    "CLOCK_BOOTTIME can't be read, so lifetimes would stop in suspend",
    "allow clock_gettime in this sandbox",
    ", which is refused: {}",
];

/// A string literal of Rust's, and what stands before it.
struct Literal<'t> {
    text: &'t str,
    before: &'t str,
}

/// The string literals of a source, without comments and byte strings.
fn literals(code: &str) -> Vec<Literal<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(character) = code[at..].chars().next() {
        let rest = &code[at..];
        at += match character {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#") => raw(rest),
            '"' => {
                let len = end_of_string(rest);
                let before = &code[..at];
                if !before.ends_with('b') {
                    found.push(Literal { text: &rest[1..len - 1], before });
                }
                len
            }
            '\'' => character_or_lifetime(rest),
            other => other.len_utf8(),
        };
    }
    found
}

fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

/// The length of a raw string, or of a name that begins like one.
fn raw(text: &str) -> usize {
    let hashes = text[1..].bytes().take_while(|byte| *byte == b'#').count();
    if !text[1 + hashes..].starts_with('"') {
        return 1;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = 2 + hashes;
    text[inside..].find(&end).map_or(text.len(), |at| inside + at + end.len())
}

fn character_or_lifetime(text: &str) -> usize {
    let mut rest = text.char_indices().skip(1);
    let (Some((_, first)), Some((second_at, second))) = (rest.next(), rest.next()) else {
        return 1;
    };
    if first == '\\' {
        return text[3..].find('\'').map_or(1, |at| 3 + at + 1);
    }
    if second == '\'' { second_at + 1 } else { 1 }
}

/// What a literal says, line by line.
fn lines(literal: &str) -> Vec<String> {
    let mut text = String::new();
    let mut joined = literal.split("\\\n");
    text.push_str(joined.next().unwrap_or_default());
    joined.for_each(|more| text.push_str(more.trim_start()));
    let text = text.replace("\\\"", "\"").replace("\\\\", "\u{1}").replace("\\n", "\n");
    text.split('\n').map(|line| line.replace('\u{1}', "\\")).collect()
}

/// Whether a person meets it: words, and not in a place that is for programmers.
fn is_met(literal: &Literal<'_>, line: &str) -> bool {
    const FOR_PROGRAMMERS: [&str; 7] = [
        "reason =",
        "must_use =",
        ".expect(",
        "compile_error!(",
        "panic!(",
        "assert!(",
        "tracing::",
    ];
    let before = literal.before.trim_end();
    let statement = before.rsplit([';', '{', '}']).next().unwrap_or_default();
    let is_error = before.ends_with("#[error(");
    let is_theirs = FOR_PROGRAMMERS.iter().any(|place| statement.contains(place));
    let is_path = line.starts_with('/');
    let words = fixed_parts(line).join(" ");
    let is_word = |word: &&str| word.bytes().filter(u8::is_ascii_alphabetic).count() > 1;
    let many = words.split_whitespace().filter(is_word).count() > 1;
    (is_error || many) && !is_theirs && !is_path
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
    let unescaped = |part: &str| part.replace('\u{1}', "{").replace('\u{2}', "}");
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

/// Each file of the program, without its tests.
fn sources() -> Vec<(String, String)> {
    let relative = |path: std::path::PathBuf| {
        path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
    };
    let all = crate::docs::sources("src").into_iter().map(|(path, code)| {
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        (relative(path), code)
    });
    all.filter(|(path, _)| !path.ends_with("/tests.rs")).collect()
}

#[test]
fn every_text_in_the_sources_is_in_the_catalogue() {
    // A line that was broken is one message.
    let said = catalogue().into_values().collect::<String>().replace("\n     ", " ");
    let mut missing = Vec::new();
    let mut found = 0;
    for (path, code) in sources() {
        if UNSEEN.iter().any(|place| path.starts_with(place)) {
            continue;
        }
        for literal in literals(&code) {
            for line in lines(literal.text).iter().filter(|line| is_met(&literal, line)) {
                let parts = fixed_parts(line);
                let lists = [&TITLES[..], &NO_MESSAGES, &NOT_HERE];
                let known = lists.iter().any(|list| list.contains(&line.as_str()));
                if parts.is_empty() || known {
                    continue;
                }
                found += 1;
                if !is_said(&parts, &said) {
                    missing.push(format!("{path}: \"{line}\""));
                }
            }
        }
    }
    assert!(found > 400, "the texts were not found: {found}");
    assert!(
        missing.is_empty(),
        "no file in tests/messages shows these in full. Bring each about in \
         tests/messages/situations.rs or dialogues.rs, or, where no test can, make the error \
         in made.rs; then `PDS_WRITE=1 cargo test --test claims messages::`, read the \
         difference, and commit it:\n{}",
        missing.join("\n")
    );
}

#[test]
fn what_is_listed_as_no_message_is_there() {
    let all = sources();
    let has = |line: &str| {
        let mut texts = all.iter().flat_map(|(_, code)| literals(code));
        texts.any(|literal| lines(literal.text).iter().any(|text| text == line))
    };
    let all_lists = TITLES.iter().chain(&NO_MESSAGES).chain(&NOT_HERE);
    let gone: Vec<_> = all_lists.filter(|line| !has(line)).collect();
    assert!(gone.is_empty(), "no source has {gone:?}");
}

#[test]
fn reports_say_nothing() {
    for (path, code) in sources() {
        if REPORTS.iter().any(|place| path.starts_with(place)) {
            for way in ["Told", "note(", "say::hint", "terminal::", "progress"] {
                assert!(!code.contains(way), "{path} has {way}");
            }
        }
    }
}

/// Where a text can reach standard error or the terminal, and as what.
const WAYS: [(&str, &[&str]); 7] = [
    // Messages.
    ("src/say.rs", &["io::stderr()"]),
    // A bar, without a word.
    ("src/commands/progress.rs", &["io::stderr()"]),
    // The daemon's log in the foreground; and the descriptor that is put onto its file.
    ("src/daemon/log.rs", &["io::stderr", "dup2_stderr"]),
    // The end of a process that is broken.
    ("src/sys/process.rs", &["STDERR_FILENO"]),
    // Questions.
    ("src/sys/terminal.rs", &["/dev/tty"]),
    // Help and the version, which are clap's.
    ("src/error/mod.rs", &["usage.print()"]),
    ("src/error/usage.rs", &["self.error.print()"]),
];

#[test]
fn no_text_reaches_a_person_by_another_way() {
    let all = ["io::stderr", "dup2_stderr", "STDERR_FILENO", "/dev/tty", ".print()"];
    for (path, code) in sources() {
        let own = WAYS.iter().find(|(place, _)| *place == path).map_or(&[][..], |(_, ways)| ways);
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let by = all.iter().any(|way| line.contains(way));
            // How a child's are set up is no text.
            let is_set = line.contains(".stderr(") || line.contains("use nix");
            let is_own = own.iter().any(|way| line.contains(way));
            assert!(!by || is_own || is_set, "{path}: {line}");
        }
        for way in own {
            assert!(code.contains(way), "{path} has no {way} any more");
        }
    }
}

#[test]
fn literals_are_told_from_comments_characters_and_bytes() {
    let code = "// \"no\"\nlet a = \"one\\\"two\"; let b = '\"'; let c = b\"no\"; f::<'a>(\"three\")\n\
                r#\"no \" no\"# '\\'' \"four\"";
    let found: Vec<_> = literals(code).iter().map(|literal| literal.text).collect();
    assert_eq!(found, ["one\\\"two", "three", "four"]);
    assert_eq!(lines("a \\\n    b\\nc"), ["a b", "c"]);
}
