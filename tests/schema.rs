//! The schema that editors use and the parser that decides say the same: of every manifest
//! in `tests/manifests`, and of a value of every type in every field.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use pds::run::manifest::{Manifest, UNJUDGED};

use crate::support::Sandbox;

/// The folder of the sources: elsewhere when the tests run as another user.
fn root() -> PathBuf {
    std::env::var_os("PDS_TEST_SOURCE").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()).into()
}

/// What a real validator (the Python package `jsonschema`) says of each manifest, by the
/// schema that the program prints. `None` if it isn't installed.
fn validated(manifests: &[String]) -> Option<Vec<bool>> {
    const PROGRAM: &str = r#"
import json, sys
try:
    import jsonschema, tomllib
except ImportError:
    sys.exit(77)
schema, manifests = json.load(sys.stdin)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
def valid(text):
    try:
        return validator.is_valid(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        return False
print(json.dumps([valid(text) for text in manifests]))
"#;
    let schema = Sandbox::new().pds(["schema"]).ok();
    let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    let child = Command::new("python3")
        .args(["-c", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: needs python3 with jsonschema");
        return None;
    };
    let input = serde_json::to_vec(&(schema, manifests)).unwrap();
    // It reads nothing where it is going to say that it lacks the package.
    let _ = child.stdin.take().unwrap().write_all(&input);
    let output = child.wait_with_output().unwrap();
    if output.status.code() == Some(77) {
        eprintln!("skipped: needs python3 with jsonschema");
        return None;
    }
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn parses(text: &str) -> bool {
    Manifest::parse(text.as_bytes(), Path::new("/p/pds.toml"), 0, UNJUDGED).is_ok()
}

fn corpus(kind: &str) -> Vec<(PathBuf, String)> {
    let folder = root().join("tests/manifests").join(kind);
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        paths.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    found.sort();
    assert!(found.len() > 2, "{kind}");
    found
}

#[test]
fn the_program_prints_the_schema_that_is_in_the_sources() {
    let printed = Sandbox::new().pds(["schema"]).ok();
    assert!(printed == fs::read(root().join("schema/pds.schema.json")).unwrap());
}

#[test]
fn every_manifest_of_the_corpus_passes_both_or_fails_both() {
    let sandbox = Sandbox::new();
    for (kind, passes_parser, passes_schema) in [
        ("valid", true, true),
        ("invalid", false, false),
        // What a schema has no words for.
        ("beyond-the-schema", false, true),
    ] {
        let all = corpus(kind);
        for (path, _) in &all {
            let check = sandbox.pds(["check", "--no-values", "-m", path.to_str().unwrap()]);
            assert_eq!(check.done().status() == 0, passes_parser, "{}", path.display());
        }
        let texts: Vec<_> = all.iter().map(|(_, text)| text.clone()).collect();
        for (passes, (path, _)) in validated(&texts).into_iter().flatten().zip(&all) {
            assert_eq!(passes, passes_schema, "{}: the schema", path.display());
        }
    }
    assert!(sandbox.daemon_pid().is_none(), "no daemon is asked");
}

/// A value of every type, and texts that are right in one place and wrong in others.
const VALUES: [&str; 24] = [
    "1",
    "2",
    "1.5",
    "true",
    "false",
    "1979-05-27",
    "[]",
    "{}",
    "[1]",
    "[\"a\"]",
    "[\"a\", \"a\"]",
    "[\"a\", \"b-c\"]",
    "[\"LC_*\"]",
    "\"\"",
    "\"a\"",
    "\"a/b.c_d-e\"",
    "\"a//b\"",
    "\"a/../b\"",
    "\"é\"",
    "\"all\"",
    "\"secret\"",
    "\"hidden\"",
    "\"hex:32\"",
    "{ key = \"a\" }",
];

#[test]
fn the_schema_and_the_parser_agree_on_every_value_in_every_field() {
    let mut manifests = Vec::new();
    for value in VALUES {
        manifests.push(format!("pds = {value}\n"));
        for field in ["project", "run", "vars", "secrets", "compose", "other"] {
            manifests.push(format!("pds = 1\n{field} = {value}\n"));
        }
        for field in ["profile", "inherit", "conflict", "other"] {
            manifests.push(format!("pds = 1\n[run]\n{field} = {value}\n"));
        }
        for table in ["vars", "secrets", "compose"] {
            manifests.push(format!("pds = 1\n[{table}]\nA = {value}\n"));
        }
        for field in ["required", "profile", "generate", "default", "deliver", "about", "other"] {
            let secret = format!("{{ key = \"k\", {field} = {value} }}");
            manifests.push(format!("pds = 1\n[secrets]\nA = {secret}\n"));
        }
        manifests.push(format!("pds = 1\n[secrets]\nA = {{ key = {value} }}\n"));
    }
    let names = ["A", "_1", "a", "1A", "A-B", "\"\"", "\"A B\"", "\"é\""].map(str::to_owned);
    let longest = [128, 129].map(|len| "A".repeat(len));
    for name in names.iter().chain(&longest) {
        manifests.push(format!("pds = 1\n[vars]\n{name} = \"x\"\n"));
    }
    for len in [64, 65, 128, 129, 255, 256] {
        let text = "a".repeat(len);
        manifests.push(format!("pds = 1\nproject = \"{text}\"\n"));
        manifests.push(format!("pds = 1\n[run]\nprofile = \"{text}\"\n"));
        manifests.push(format!("pds = 1\n[secrets]\nA = \"{text}\"\n"));
    }
    let Some(validated) = validated(&manifests) else { return };
    let differ: Vec<_> = manifests
        .iter()
        .zip(validated)
        .filter(|(text, valid)| parses(text) != *valid)
        .map(|(text, valid)| format!("the schema {}: {text}", if valid { "yes" } else { "no" }))
        .collect();
    assert!(differ.is_empty(), "the parser says the opposite:\n{}", differ.join("\n"));
    assert!(manifests.iter().filter(|text| parses(text)).count() > 30);
}
