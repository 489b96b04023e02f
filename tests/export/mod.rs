//! What goes out, read back by those that it is for: the shells, node, python, PyYAML,
//! docker's client.
//! Where one is missing, the claim says that it was skipped.

/// Which secrets go out, under which names, and on whose word.
mod choice;
/// What docker reads of an env-file.
mod docker;
/// What a step of GitHub Actions hides and reads.
mod github;
/// Where it goes: a file, standard output, a terminal.
mod place;
/// What shells and languages read of each form.
mod readers;

use std::{collections::BTreeMap, process::Command};

use crate::support::Sandbox;

/// Text with whatever a quoting rule could stumble over.
const TEXTS: &[&str] = &[
    "plain",
    "",
    "it's",
    "say \"hi\"",
    "'both' \"of\" them",
    "$HOME ${PATH} $(id) `id`",
    "'$HOME' \"`id`\" \\",
    "back\\slash\\n\\\\",
    "\\'",
    "two\nlines",
    "ends with one\n",
    "\n\n",
    "'\n",
    " blanks around ",
    "\ttabs\t",
    "#no comment",
    "nor #this",
    "a=b=c",
    "*?[a]~{a,b}!x",
    "-n",
    "%20 %s",
    "é日𝄞\u{85}\u{2028}\u{feff}\u{f601}",
    "\u{1}\u{1b}[0m\u{7f}",
    "null",
];
/// These only some can carry.
const RETURNS: &[&str] = &["\r", "a\rb", "a\r\nb\r\n"];

type Values = BTreeMap<String, Vec<u8>>;

fn numbered<'t>(texts: impl IntoIterator<Item = &'t &'t str>) -> Values {
    let named = |(n, text): (usize, &&str)| (format!("V{n}"), text.as_bytes().to_vec());
    texts.into_iter().enumerate().map(named).collect()
}

fn everything() -> Values {
    numbered(TEXTS.iter().chain(RETURNS))
}

/// Every byte that a variable's value can have.
fn with_bytes(mut values: Values) -> Values {
    values.insert("BYTES".to_owned(), (1..=255).collect());
    values
}

/// A vault with `values`.
fn holding(values: &Values) -> Sandbox {
    let sandbox = Sandbox::ready();
    for (key, value) in values {
        sandbox.set(key, value);
    }
    sandbox
}

fn export(sandbox: &Sandbox, format: &str) -> Vec<u8> {
    sandbox.pds(["export", "--format", format, "*"]).ok()
}

/// Whether `program` can be had for a claim; says so if not.
pub(crate) fn has(program: &str, arguments: &[&str]) -> bool {
    let path = "/usr/local/bin:/usr/bin:/bin";
    let run = Command::new("env").arg(format!("PATH={path}")).arg(program).args(arguments).output();
    let has = run.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("skipped: needs {program} {}", arguments.join(" "));
    }
    has
}

/// What `env -0` prints, of the variables that `expected` has.
fn environment(text: &[u8], expected: &Values) -> Values {
    let pair = |entry: &[u8]| {
        let at = entry.iter().position(|b| *b == b'=')?;
        Some((String::from_utf8(entry[..at].to_vec()).ok()?, entry[at + 1..].to_vec()))
    };
    let all = text.split(|b| *b == 0).filter_map(pair);
    all.filter(|(name, _)| expected.contains_key(name)).collect()
}

/// Names and values as lines of hex, from a program that knows how to read `format`.
fn hex_lines(text: &[u8]) -> Values {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let line = |line: &str| {
        let (name, hex) = line.split_once(' ').unwrap();
        (name.to_owned(), hex.as_bytes().chunks(2).map(byte).collect())
    };
    String::from_utf8(text.to_vec()).unwrap().lines().map(line).collect()
}
