//! What comes out of files, all or nothing.

use std::fs;

use crate::support::Sandbox;

#[test]
fn an_env_file_is_stored_byte_for_byte() {
    let sandbox = Sandbox::ready();
    let text = "# a remark\nPLAIN=a b\nexport QUOTED=\"x\\ny\"\nSINGLE='$HOME \\n'\nEMPTY=\n";
    fs::write(sandbox.path("w/.env"), text).unwrap();
    let done = sandbox.pds(["import", ".env"]).done().code(0).stdout("");
    done.says("pds: stored 4 secrets in profile `default`\n").end();
    for (key, value) in
        [("PLAIN", "a b"), ("QUOTED", "x\ny"), ("SINGLE", "$HOME \\n"), ("EMPTY", "")]
    {
        assert_eq!(sandbox.pds(["get", key]).text(), value);
    }
}

#[test]
fn json_from_standard_input_goes_below_a_prefix() {
    let sandbox = Sandbox::ready();
    let import = ["import", "-", "--format", "json", "--prefix", "app"];
    let json = r#"{"A": "1", "db": {"password": "p\u00e9"}}"#;
    sandbox.pds(import).input(json).done().code(0).end();
    assert_eq!(sandbox.pds(["list"]).text(), "app/A\napp/db/password\n");
    assert_eq!(sandbox.pds(["get", "app/db/password"]).text(), "pé");
}

#[test]
fn what_exists_is_replaced_only_on_purpose_and_otherwise_nothing_is_stored() {
    let sandbox = Sandbox::ready();
    sandbox.set("A", "old");
    fs::write(sandbox.path("w/x.env"), "NEW=1\nA=2\n").unwrap();
    let refused = sandbox.pds(["import", "x.env"]).done().code(1);
    refused
        .says("pds: `A` exists already\npds: hint: --overwrite replaces what exists\n")
        .end();
    assert_eq!(sandbox.pds(["list"]).text(), "A\n");
    let dry = sandbox.pds(["import", "x.env", "--dry-run"]).ok();
    assert_eq!(dry, b"NEW\nA (replaces what is there)\n");
    assert_eq!(sandbox.pds(["list"]).text(), "A\n");
    sandbox.pds(["import", "x.env", "--overwrite"]).done().code(0).mentions("1 secret ").end();
    assert_eq!(sandbox.pds(["get", "A"]).ok(), b"2");
    assert_eq!(sandbox.pds(["get", "NEW"]).ok(), b"1");
}

#[test]
fn a_mistake_anywhere_stores_nothing_and_is_shown_where_it_is() {
    let sandbox = Sandbox::ready();
    for (name, text, place) in [
        ("a.env", "GOOD=1\nBAD='never closed\n", "line 2"),
        ("a.json", "{\"A\": \"1\",\n \"A\": \"2\"}", "line 2"),
        ("b.json", "{\"A\": \"1\"", "line 1"),
    ] {
        fs::write(sandbox.path(&format!("w/{name}")), text).unwrap();
        let told = sandbox.pds(["import", name]).done().code(1);
        assert!(!told.stderr().contains("never closed"), "a value is shown");
        told.mentions(place).end();
    }
    fs::write(sandbox.path("w/c.json"), "{\"a b\": \"1\", \"B\": \"2\"}").unwrap();
    sandbox.pds(["import", "c.json"]).done().code(1).mentions("`a b` can't be a key").end();
    fs::write(sandbox.path("w/what"), "A=1\n").unwrap();
    sandbox.pds(["import", "what"]).done().code(2).mentions("--format env").end();
    assert_eq!(sandbox.pds(["list"]).text(), "");
}
