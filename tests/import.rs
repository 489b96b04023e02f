//! What comes out of files, and what goes in and out of the vault as bytes.

use std::fs;

use crate::support::Sandbox;

#[test]
fn values_are_exact_bytes_however_they_come_in() {
    let sandbox = Sandbox::ready();
    let all: Vec<u8> = (0..=255).collect();
    sandbox.set("stdin", &all);
    assert_eq!(sandbox.pds(["get", "stdin"]).ok(), all);
    fs::write(sandbox.path("w/file"), &all).unwrap();
    sandbox.pds(["set", "file", "--from-file", "file"]).ok();
    assert_eq!(sandbox.pds(["get", "file"]).ok(), all);
    sandbox.set("empty", "");
    assert_eq!(sandbox.pds(["get", "empty"]).ok(), b"");
    sandbox.set("newline", "ends with one\n");
    assert_eq!(sandbox.pds(["get", "newline"]).ok(), b"ends with one\n");
}

#[test]
fn a_generated_value_is_new_each_time_and_of_the_form_asked_for() {
    let sandbox = Sandbox::ready();
    let made = |form: &str| {
        sandbox.pds(["set", "k", form]).ok();
        String::from_utf8(sandbox.pds(["get", "k"]).ok()).unwrap()
    };
    let (a, b) = (made("--generate"), made("--generate"));
    assert!(a != b && a.len() == 64 && a.bytes().all(|c| c.is_ascii_hexdigit()));
    assert_eq!(made("--generate=base64:16").len(), 24);
    assert_eq!(made("--generate=base64url:16").len(), 22);
    sandbox.pds(["set", "k", "--generate=hex:1"]).done().code(2).end();
}

#[test]
fn a_value_is_never_taken_from_the_command_line() {
    let sandbox = Sandbox::ready();
    sandbox.pds(["set", "k", "value"]).done().code(2).end();
    sandbox.pds(["set", "k"]).done().code(1).mentions("use --stdin").end();
}

#[test]
fn more_than_a_mebibyte_is_refused_and_a_mebibyte_is_not() {
    let sandbox = Sandbox::ready();
    let most = vec![0xA5; 1 << 20];
    sandbox.set("most", &most);
    assert!(sandbox.pds(["get", "most"]).ok() == most);
    let more = vec![0xA5; (1 << 20) + 1];
    let set = sandbox.pds(["set", "more", "--stdin"]).input(&more).done();
    set.code(1).says("pds: a value has at most 1 MiB\n").end();
    sandbox.pds(["get", "more"]).done().code(4).end();
}

#[test]
fn delete_and_rename_do_that_and_nothing_else() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1").set("b", "2").set("c", "3");
    sandbox.pds(["rename", "a", "d"]).ok();
    sandbox.pds(["rename", "b", "c"]).done().code(1).mentions("`c` exists already").end();
    sandbox.pds(["rm", "c"]).ok();
    sandbox.pds(["delete", "c"]).done().code(4).end();
    assert_eq!(sandbox.pds(["ls"]).text(), "b\nd\n");
    assert_eq!(sandbox.pds(["get", "d"]).ok(), b"1");
    let json: serde_json::Value =
        serde_json::from_slice(&sandbox.pds(["list", "--json"]).ok()).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    assert_eq!(json[0]["key"], "b");
}

#[test]
fn an_env_file_comes_in_exactly_and_all_or_nothing() {
    let sandbox = Sandbox::ready();
    let text = "# a comment\nexport PLAIN=value # not this\nSINGLE='$HOME \\n'\n\
                DOUBLE=\"two\\nlines $X\"\nHASH=a$b#c\n";
    fs::write(sandbox.path("w/.env"), text).unwrap();
    assert_eq!(
        sandbox.pds(["import", ".env", "--dry-run"]).text(),
        "PLAIN\nSINGLE\nDOUBLE\nHASH\n"
    );
    assert_eq!(sandbox.pds(["list"]).text(), "", "a dry run stores nothing");
    sandbox.pds(["import", ".env"]).done().code(0).end();
    for (key, value) in [
        ("PLAIN", "value"),
        ("SINGLE", "$HOME \\n"),
        ("DOUBLE", "two\nlines $X"),
        ("HASH", "a$b#c"),
    ] {
        assert_eq!(sandbox.pds(["get", key]).ok(), value.as_bytes(), "{key}");
    }
    fs::write(sandbox.path("w/more.env"), "NEW=1\nPLAIN=2\n").unwrap();
    sandbox
        .pds(["import", "more.env"])
        .done()
        .code(1)
        .says("pds: `PLAIN` exists already\npds: hint: --overwrite replaces what exists\n")
        .end();
    sandbox.pds(["get", "NEW"]).done().code(4).end();
    sandbox.pds(["import", "more.env", "--overwrite"]).done().code(0).end();
    assert_eq!(sandbox.pds(["get", "PLAIN"]).ok(), b"2");
}

#[test]
fn json_comes_in_nested_under_a_prefix_and_a_mistake_shows_no_content() {
    let sandbox = Sandbox::ready();
    let json = r#"{"db": {"password": "p", "port": 5432}, "on": true}"#;
    let import = ["import", "-", "--format", "json", "--prefix", "app"];
    sandbox.pds(import).input(json).done().code(0).end();
    assert_eq!(sandbox.pds(["list"]).text(), "app/db/password\napp/db/port\napp/on\n");
    assert_eq!(sandbox.pds(["get", "app/db/port"]).ok(), b"5432");
    let broken = sandbox.pds(import).input(r#"{"a": "hunter2" "b"}"#).done().code(1);
    assert!(!broken.stderr().contains("hunter2"), "{broken:?}");
    broken.mentions("line 1, column").end();
}
