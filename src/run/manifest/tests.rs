use std::path::Path;

use proptest::prelude::*;

use super::{parse::*, *};

const EXAMPLE: &str = r#"pds = 1
project = "billing-api"

[run]
profile  = ["base", "work"]
inherit  = ["PATH", "LC_*"]
conflict = "error"

[vars]
RUST_LOG = "info"
DB_HOST  = "localhost"

[secrets]
STRIPE_KEY  = "stripe/api-key"
SENTRY_DSN  = { key = "sentry/dsn", required = false }
SESSION_KEY = { key = "session", generate = "hex:32" }
DB_PASSWORD = { key = "db/password", deliver = "hidden" }
ADMIN_TOKEN = { key = "admin/token", profile = "ops", about = "ask #platform for one" }
REGION      = { key = "region", default = "eu" }

[compose]
REPLICA_URL  = "${DATABASE_URL}?replica"
DATABASE_URL = "postgres://app:${DB_PASSWORD|urlencode}@${DB_HOST}/billing"
"#;

fn parse(text: impl AsRef<[u8]>) -> Result<Manifest, Invalid> {
    Manifest::parse(text.as_ref(), Path::new("/p/pds.toml"), 1000, UNJUDGED)
}

/// Line, column and message of every problem.
fn problems(text: impl AsRef<[u8]>) -> Vec<(usize, usize, String)> {
    let problems = parse(text).expect_err("this manifest has problems").mistakes;
    problems.into_iter().map(|p| (p.line, p.column, p.kind.to_string())).collect()
}

/// The same, where nothing is lifted.
fn refused_too(text: &str) -> Vec<(usize, usize, String)> {
    let path = Path::new("/p/pds.toml");
    let read = Manifest::parse(text.as_bytes(), path, 1000, &|_| Some(Vec::new()));
    let invalid = read.map(|manifest| *manifest.refused.unwrap()).unwrap_or_else(|invalid| invalid);
    invalid.mistakes.into_iter().map(|p| (p.line, p.column, p.kind.to_string())).collect()
}

#[test]
fn the_whole_format_is_read() {
    let manifest = parse(EXAMPLE).unwrap();
    assert_eq!(manifest.directory, Path::new("/p"));
    assert_eq!(manifest.project.as_deref(), Some("billing-api"));
    assert_eq!(manifest.profiles.iter().map(|p| p.as_str()).collect::<Vec<_>>(), ["base", "work"]);
    let Inherit::Only(patterns) = &manifest.inherit else { panic!("a list was given") };
    assert_eq!(patterns.iter().map(|p| p.as_str()).collect::<Vec<_>>(), ["PATH", "LC_*"]);
    assert_eq!(manifest.conflict, Conflict::Error);
    let vars: Vec<_> = manifest.vars.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(vars, [("RUST_LOG", "info"), ("DB_HOST", "localhost")]);
    let secret = |index: usize| &manifest.secrets[index];
    let keys: Vec<_> = manifest.secrets.iter().map(|s| s.key.as_str()).collect();
    let expected =
        ["stripe/api-key", "sentry/dsn", "session", "db/password", "admin/token", "region"];
    assert_eq!(keys, expected);
    assert!(secret(0).required && !secret(1).required);
    assert_eq!(secret(2).generate, Some(Generate::Bytes { writing: Writing::Hex, bytes: 32 }));
    assert_eq!((secret(0).delivery, secret(3).delivery), (Delivery::Env, Delivery::Hidden));
    assert_eq!(manifest.profiles_of(secret(4)), [TrustProfileName::new("ops").unwrap()]);
    assert_eq!(manifest.profiles_of(secret(0)), manifest.profiles);
    assert_eq!(secret(4).about.as_deref(), Some("ask #platform for one"));
    assert_eq!(secret(5).default.as_deref(), Some("eu"));
    let composed: Vec<_> = manifest.compose.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(composed, ["DATABASE_URL", "REPLICA_URL"], "each after what it is made of");
}

#[test]
fn the_shortest_manifest_asks_for_nothing() {
    let manifest = parse("pds = 1").unwrap();
    assert_eq!((manifest.inherit, manifest.conflict), (Inherit::All, Conflict::Secret));
    assert!(manifest.secrets.is_empty() && manifest.vars.is_empty());
}

#[test]
fn a_hidden_secret_is_no_variable() {
    let manifest = parse(EXAMPLE).unwrap();
    assert!(!manifest.variables().any(|name| name.as_str() == "DB_PASSWORD"));
    assert_eq!(manifest.variables().count(), 9);
}

#[test]
fn every_problem_is_found_at_once_and_in_its_place() {
    let text = r#"pds = 2
projcet = "x"
[run]
profile = ["a", "a", "b/c"]
inherit = "none"
conflict = "secert"
ttl = 9
[vars]
PORT = 80
A-B = "x"
NUL = "a\u0000"
[secrets]
A = "a//b"
B = { required = "yes", kee = "x" }
PORT = "port"
C = { key = "c", generate = "hex:1", default = "d" }
D = 5
[compose]
E = "$ ${PROT} ${A|urlencod}"
F = "${F}"
[policy]
allow = "all"
"#;
    let expected = [
        (1, 7, "this version of `pds` reads manifests of format 1"),
        (2, 1, "there is no field `projcet` outside the tables"),
        (4, 19, "`a` is listed twice"),
        (4, 26, "a profile name has only letters, digits, `_` and `-`"),
        (5, 11, "`\"all\"`, or a list of names, is expected here"),
        (6, 12, "`secret`, `environment` or `error` is expected here"),
        (7, 1, "there is no field `ttl` in `[run]`"),
        (9, 8, "a string is expected here, this is an integer"),
        (10, 1, "a variable has 1 to 128 letters, digits and `_`, and starts with no digit"),
        (11, 7, "a variable's value can't hold a NUL"),
        (13, 5, "a key has no empty segment: no leading, trailing or double `/`"),
        (14, 18, "`true` or `false` is expected here, this is a string"),
        (14, 25, "there is no field `kee` of a secret"),
        (15, 1, "`PORT` is set twice"),
        (16, 5, "a secret has `generate` or `default`, not both"),
        (16, 31, "`hex`, `base64` and `base64url` take 8 to 4096 random bytes"),
        (17, 5, "a key, or a table with one, is expected here, this is an integer"),
        (19, 6, "a single `$` means nothing here"),
        (19, 6, "`PROT` is not in this manifest"),
        (19, 6, "there is no such filter"),
    ];
    let expected = expected.map(|(line, column, text)| (line, column, text.to_owned()));
    assert_eq!(problems(text), expected);
    assert_eq!(parse(text).unwrap_err().more, 2, "the circle and the table");
}

#[test]
fn a_template_asks_for_known_names_and_in_no_circle() {
    let text = "pds = 1\n[vars]\nDB_HOST = 'h'\n[compose]\nA = '${B}'\nB = \"x ${C}\"\n\
                C = '''\n${A} ${DB_HSOT}'''\nD = \"\\u0041 ${GONE}\"\n";
    let expected = [
        (8, 1, "this makes a circle: `A` → `B` → `C` → `A`"),
        (8, 1, "`DB_HSOT` is not in this manifest"),
        (9, 5, "`GONE` is not in this manifest"),
    ];
    let expected = expected.map(|(line, column, text)| (line, column, text.to_owned()));
    assert_eq!(problems(text), expected);
}

#[test]
fn no_mistake_is_told_that_is_but_the_consequence_of_another() {
    for (text, only) in [
        ("psd = 1\n", "there is no field `psd` outside the tables"),
        (
            "pds = 1\n[secret]\nA = 'a'\n[compose]\nB = '${A}'\n",
            "there is no table `secret` in a manifest",
        ),
        (
            "pds = 1\n[secrets]\nA = { kye = 'a' }\n[compose]\nB = '${A}'\n",
            "there is no field `kye` of a secret",
        ),
        (
            "pds = 1\nvars = 5\n[compose]\nB = '${A}'\n",
            "a table is expected here, this is an integer",
        ),
        (
            "pds = 1\n[vars]\nA = 5\n[compose]\nB = '${A}'\n",
            "a string is expected here, this is an integer",
        ),
        (
            "pds = 1\n[compose]\nA = '${B}${B}'\nB = '${A}${A}'\n",
            "this makes a circle: `A` → `B` → `A`",
        ),
        (
            "pds = 1\n[secrets]\nPATH = { key = 'k', delivr = 'hidden' }\n",
            "there is no field `delivr` of a secret",
        ),
        (
            "pds = 1\n[secrets]\nPATH = { key = 'k', deliver = 'hiden' }\n",
            "`env` or `hidden` is expected here",
        ),
        (
            "pds = 1\n[secrets]\nA = b\n[compose]\nC = '${A}'\n",
            "string values must be quoted, expected literal string",
        ),
        ("pds = one\n[vars]\nB = 'b'\n", "string values must be quoted, expected literal string"),
    ] {
        let found: Vec<_> = refused_too(text).into_iter().map(|(_, _, text)| text).collect();
        assert_eq!(found, [only], "{text}");
    }
}

#[test]
fn two_places_that_look_alike_are_told_once() {
    let text = "pds = 1\n[compose]\nA = 'a ${B|x} ${B|y} ${C}'\n";
    let expected =
        ["`B` is not in this manifest", "there is no such filter", "`C` is not in this manifest"];
    let mut found: Vec<_> = problems(text).into_iter().map(|(_, _, text)| text).collect();
    found.sort_unstable();
    let mut expected = expected.map(str::to_owned);
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_plain_value_that_no_variable_can_have_is_a_mistake_and_one_at_the_edge_is_none() {
    let long = |bytes: usize| format!("pds = 1\n[vars]\nAB = '{}'\n", "x".repeat(bytes));
    assert!(parse(long(131_068)).is_ok());
    assert_eq!(problems(long(131_069))[0].2, ProblemKind::TooLong.to_string());
    let of = |secret: &str| {
        format!("pds = 1\n[secrets]\nA = {{ key = 'a', default = '() {{'{secret} }}\n")
    };
    assert_eq!(problems(of("")), [(3, 30, ProblemKind::Function.to_string())]);
    assert!(parse(of(", deliver = 'hidden'")).is_ok(), "a template may take it");
}

#[test]
fn a_line_that_cannot_be_read_hides_no_other() {
    let text =
        "pds = 1\n[secrets]\nA = b\nC = { kee = 'c' }\nC = 'd'\nE = \"e\n[vars]\nPATH = '/x'\n";
    let found: Vec<_> = refused_too(text).into_iter().map(|(line, ..)| line).collect();
    assert_eq!(found, [3, 4, 5, 6, 8]);
    // Where a table begins that can't be read, nobody knows what belongs to it.
    for text in ["pds = 1\n[vars\nA = 5\nB = c\n", "pds = 1\n[vars]\nA = 5\n[vars]\nB = 5\n"] {
        let found = refused_too(text);
        assert!(
            found.iter().all(|(_, _, text)| !text.contains("a string is expected")),
            "{found:?}"
        );
    }
}

#[test]
fn a_variable_that_may_not_be_set_is_told_in_its_place_unless_it_is_lifted() {
    let text = "pds = 1\n[vars]\nPATH = 'x'\nLD_AUDIT = 'x'\nHTTP_PROXY = 'x'\n[secrets]\n\
                NODE_OPTIONS = { key = 'k', deliver = 'hidden' }\nHOME = { key = 'k', deliver = 'env' }\n\
                [compose]\nBASH_ENV = 'x'\n";
    let lifting = |lifted: &[&str]| {
        let lifted: Vec<_> = lifted.iter().map(|&name| name.to_owned()).collect();
        let read = |text: &str| {
            Manifest::parse(text.as_bytes(), Path::new("/p/pds.toml"), 0, &|folder| {
                assert_eq!(folder, Path::new("/p"));
                Some(lifted.clone())
            })
        };
        let manifest = read(text).unwrap();
        let warned: Vec<_> = manifest.warned.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(warned, ["HTTP_PROXY"]);
        let refused = manifest.refused.map(|refused| refused.mistakes).unwrap_or_default();
        // Beside another mistake it is one of several.
        let all = read(&format!("{text}[run]\nx = 1\n")).unwrap_err().mistakes;
        assert_eq!(all[..refused.len()], refused);
        assert_eq!(all.len(), refused.len() + 1);
        refused.iter().map(|mistake| (mistake.line, mistake.column)).collect::<Vec<_>>()
    };
    assert_eq!(lifting(&[]), [(3, 1), (4, 1), (8, 1), (10, 1)]);
    assert_eq!(lifting(&["PATH", "HOME", "BASH_*", "LD_AUDIT"]), [(4, 1), (10, 1)]);
    assert!(parse(text).unwrap().refused.is_none(), "nobody could tell what is lifted");
}

#[test]
fn a_chain_of_templates_as_long_as_a_manifest_can_be_is_no_trouble() {
    let mut text = "pds = 1\n[compose]\nN0 = ''\n".to_owned();
    for n in 1..MANIFEST_MAX_ENTRIES {
        text.push_str(&format!("N{n} = '${{N{}}}'\n", n - 1));
    }
    assert_eq!(parse(&text).unwrap().compose.len(), MANIFEST_MAX_ENTRIES);
    text.push_str("ONE_MORE = ''\n");
    assert_eq!(problems(&text)[0].2, "a manifest has at most 4096 entries");
}

#[test]
fn a_problem_is_shown_as_rustc_shows_it_and_without_values() {
    let text = "pds = 1\n[secrets]\nSTRIPE_KEY = { kee = \"sk_live_hunter2\" } # hunter2\n";
    let shown = parse(text).unwrap_err().to_string();
    let expected = "\
error: there is no field `kee` of a secret
 --> /p/pds.toml:3:16
  |
3 | STRIPE_KEY = { kee = \"***\" }
  |                ^^^
  |
  = help: did you mean `key`?";
    assert_eq!(shown, expected);
}

#[test]
fn no_message_holds_a_value_wherever_it_was_put() {
    for text in [
        "pds = 1\n[secrets]\nA = hunter2x\n",
        "pds = 1\n[secrets]\nA = 'hunter2x'y\n",
        "pds = 1\n[secrets]\nA = \"hunter2x\n",
        "pds = 1\n[secrets]\nA = 'hunter2x é'\n",
        "pds = 1\n[secrets]\nA hunter2x\n",
        "pds = 1\n[secrets]\nA = { key = 'a', profile = 'hunter2x!' }\n",
        "pds = 1\n[secrets]\nA = { key = 'a', deliver = 'hunter2x' }\n",
        "pds = 1\n[secrets]\nA = { key = 'a', generate = 'hunter2x' }\n",
        "pds = 1\n[secrets]\n'hunter2x !' = 'A'\n",
        "pds = 1\n'hunter2x !' = 'A'\n",
        "pds = 1\n[run]\ninherit = 'hunter2x'\n",
        "pds = 1\n[vars]\nA = ['hunter2x']\n",
        "pds = 1\n[compose]\nA = 'hunter2x$'\n",
    ] {
        let invalid = parse(text).unwrap_err();
        assert!(!invalid.to_string().contains("hunter2x"), "{text}: {invalid}");
    }
}

#[test]
fn hostile_text_is_an_error() {
    let cases: [Vec<u8>; 14] = [
        b"".to_vec(),
        b"\xef\xbb\xbfpds = 1".to_vec(),
        b"pds = 1\n[vars]\nA = '\xff'".to_vec(),
        b"pds = 1\0".to_vec(),
        b"pds = 1\r[vars]".to_vec(),
        "pds = 1".encode_utf16().flat_map(u16::to_le_bytes).collect(),
        format!("pds = {}", "1".repeat(200_000)).into_bytes(),
        format!("pds = 1\na = {}", "[".repeat(200_000)).into_bytes(),
        format!("pds = 1\na = {}", "{a=".repeat(60_000)).into_bytes(),
        format!("pds = 1\n{}a = 1", "a.".repeat(100_000)).into_bytes(),
        format!("pds = 1\n[{}a]", "a.".repeat(100_000)).into_bytes(),
        b"pds = 1\npds = 1".to_vec(),
        "pds = 1\n".repeat(30_000).into_bytes(),
        "]".repeat(250_000).into_bytes(),
    ];
    for text in cases {
        let invalid = parse(&text).expect_err("hostile");
        assert!(!invalid.mistakes.is_empty());
        assert!(invalid.to_string().len() < 64 * 1024, "{}", invalid.to_string().len());
    }
}

#[test]
fn windows_line_ends_are_fine() {
    let manifest = parse(EXAMPLE.replace('\n', "\r\n")).unwrap();
    assert_eq!(manifest, parse(EXAMPLE).unwrap());
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes).map_err(|invalid| invalid.to_string());
    }

    #[test]
    fn any_edit_of_a_manifest_gets_an_answer(at in 0..EXAMPLE.len(), edit in "[\"'\\[\\]{}=.#\n$é\\\\]{0,4}", cut in 0..9_usize) {
        let end = (at + cut).min(EXAMPLE.len());
        let text = format!("{}{edit}{}", &EXAMPLE[..at], &EXAMPLE[end..]);
        let _ = parse(text).map_err(|invalid| invalid.to_string());
    }
}

fn items(text: &str) -> Vec<Vec<u8>> {
    parse(text).unwrap().items().into_iter().map(|item| item.canonical).collect()
}

#[test]
fn what_changes_nothing_for_the_command_changes_no_item() {
    let other = EXAMPLE
        .replace("billing-api", "other")
        .replace(", about = \"ask #platform for one\"", "")
        .replace(
            "RUST_LOG = \"info\"\nDB_HOST  = \"localhost\"",
            "DB_HOST='localhost'#\nRUST_LOG='info'",
        )
        .replace("[\"PATH\", \"LC_*\"]", "[\"LC_*\", \"PATH\", \"PATH\"]")
        .replace("STRIPE_KEY  = \"stripe/api-key\"", "STRIPE_KEY = { key = 'stripe/api-key' }");
    assert_ne!(other, EXAMPLE);
    assert_eq!(items(&other), items(EXAMPLE));
    assert_eq!(items("pds=1"), items("pds=1\n[run]\ninherit='all'\nconflict='secret'"));
}

#[test]
fn whatever_changes_something_for_the_command_changes_an_item() {
    let before = items(EXAMPLE);
    for (from, to) in [
        ("\"localhost\"", "\"evil.example\""),
        ("DB_HOST", "DB_HUST"),
        ("stripe/api-key", "stripe/other"),
        ("STRIPE_KEY", "STRIPE_KEY2"),
        (", required = false", ""),
        ("hex:32", "hex:33"),
        ("hex:32", "base64:32"),
        (", deliver = \"hidden\"", ""),
        ("profile = \"ops\"", "profile = \"work\""),
        ("[\"base\", \"work\"]", "[\"work\", \"base\"]"),
        ("default = \"eu\"", "default = \"us\""),
        ("/billing\"", "/billing?x\""),
        ("|urlencode", ""),
        ("\"LC_*\"", "\"LC*\""),
        ("[\"PATH\", \"LC_*\"]", "\"all\""),
        ("\"error\"", "\"environment\""),
    ] {
        assert!(EXAMPLE.contains(from), "{from}");
        assert_ne!(items(&EXAMPLE.replace(from, to)), before, "{from} → {to}");
    }
}

#[test]
fn taking_a_secret_away_leaves_the_other_items_as_they_were() {
    let fewer = items(&EXAMPLE.replace("STRIPE_KEY  = \"stripe/api-key\"\n", ""));
    let all = items(EXAMPLE);
    assert_eq!(fewer.len() + 1, all.len());
    assert!(fewer.iter().all(|item| all.contains(item)));
}

#[test]
fn the_schema_has_the_parsers_fields_and_no_others() {
    let schema = include_str!("../../../schema/pds.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let fields = |pointer: &str| -> Vec<String> {
        let object = schema.pointer(pointer).unwrap().as_object().unwrap();
        object.keys().cloned().collect()
    };
    let sorted = |names: &[&str]| {
        let mut names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(fields("/properties"), sorted(&[&FIELDS[..], &TABLES[..]].concat()));
    assert_eq!(fields("/properties/run/properties"), sorted(&RUN_FIELDS));
    assert_eq!(fields("/$defs/secret/properties"), sorted(&SECRET_FIELDS));
    let choices = |pointer: &str| schema.pointer(pointer).unwrap().to_string();
    let names = |known: &[&str]| serde_json::to_string(known).unwrap();
    let conflicts = Conflict::ALL.map(|(name, _)| name);
    assert_eq!(choices("/properties/run/properties/conflict/enum"), names(&conflicts));
    let deliveries = Delivery::ALL.map(|(name, _)| name);
    assert_eq!(choices("/$defs/secret/properties/deliver/enum"), names(&deliveries));
    let description = choices("/properties/compose/description");
    assert!(Filter::ALL.iter().all(|(name, _)| description.contains(name)));
    let pattern = choices("/$defs/secret/properties/generate/pattern");
    assert!(Writing::ALL.iter().all(|(name, _)| pattern.contains(name)));
}

#[test]
fn each_field_that_the_parser_suggests_is_one_that_it_takes() {
    let refused = |text: &str, name: &str| match parse(text) {
        Ok(_) => false,
        Err(invalid) => invalid.mistakes.iter().any(|p| {
            let unknown = matches!(
                &p.kind,
                ProblemKind::UnknownField { .. } | ProblemKind::UnknownTable { .. }
            );
            unknown && p.kind.to_string().contains(name)
        }),
    };
    for name in FIELDS {
        assert!(!refused(&format!("{name} = 1"), name), "{name}");
    }
    for name in TABLES {
        assert!(!refused(&format!("[{name}]"), name), "{name}");
    }
    for name in RUN_FIELDS {
        assert!(!refused(&format!("[run]\n{name} = 1"), name), "{name}");
    }
    for name in SECRET_FIELDS {
        assert!(!refused(&format!("[secrets]\nA = {{ {name} = 1 }}"), name), "{name}");
    }
    assert!(refused("[run]\nttl = 1", "ttl"));
}
