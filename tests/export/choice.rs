//! Which secrets go out, under which names, and on whose word.

use crate::support::Sandbox;

#[test]
fn names_are_keys_for_data_and_variables_for_the_rest() {
    let sandbox = Sandbox::ready();
    sandbox.set("db/main-password", "a").set("db/user", "b").set("other", "c");
    let text = |arguments: &[&str]| sandbox.pds([&["export"], arguments].concat()).text();
    assert_eq!(text(&["db/*"]), "DB_MAIN_PASSWORD=a\nDB_USER=b\n");
    assert_eq!(text(&["PGUSER=db/user", "other"]), "PGUSER=b\nother=c\n");
    assert_eq!(
        text(&["db/*", "--format", "json"]),
        "{\n  \"db/main-password\": \"a\",\n  \"db/user\": \"b\"\n}\n"
    );
    let refused = |arguments: &[&str]| sandbox.pds([&["export"], arguments].concat()).done();
    sandbox.set("db.user", "d");
    refused(&["*"])
        .code(1)
        .stdout("")
        .says(
            "pds: `db.user` and `db/user` would both be `DB_USER`\n\
             pds: hint: name it yourself: VAR=db/user\n",
        )
        .end();
    refused(&["nothing/*"]).code(4).mentions("no key is of the form `nothing/*`").end();
    refused(&["nothing"]).code(4).stdout("").mentions("`nothing`").end();
    refused(&["A=db/*"]).code(2).end();
    refused(&["a b"]).code(2).end();
    refused(&["--format", "k8s", "--name", "A", "other"]).code(2).end();
    refused(&["LD_PRELOAD=other"]).code(1).stdout("").mentions("LD_PRELOAD").end();
    refused(&[]).code(1).mentions("pds export '*'").end();
}

#[test]
fn a_manifest_exports_what_run_would_set_and_only_once_it_is_approved() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "it's").set("hidden", "p w");
    let text = "[vars]\nHOST = \"h\"\n[secrets]\nA = \"k\"\n\
                NONE = { key = \"none\", required = false }\n\
                P = { key = \"hidden\", deliver = \"hidden\" }\n\
                [compose]\nURL = \"x://${P|urlencode}@${HOST}\"\n";
    sandbox.write_manifest(text);
    sandbox.pds(["export"]).done().code(1).stdout("").mentions("pds allow").end();
    sandbox.manifest(text);
    assert_eq!(sandbox.pds(["export"]).text(), "HOST=h\nA=\"it's\"\nURL=x://p%20w@h\n");
    // A plain value is no secret, and would blot out the log.
    let out = sandbox.path("w/env");
    let export = sandbox.pds(["export", "--format", "github", "-o", out.to_str().unwrap()]);
    assert_eq!(export.text(), "::add-mask::it's\n::add-mask::x://p%2520w@h\n");
}

#[test]
fn an_export_is_on_record_and_passes_the_gates() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "1").set("b", "2");
    let before = sandbox.audit().len();
    sandbox.pds(["export", "a", "b"]).ok();
    let lines = sandbox.audit();
    let line = &lines[before];
    assert_eq!(line["command"], "export", "{line}");
    assert_eq!(line["outcome"], "granted", "{line}");
    assert!(
        line["keys"].to_string().contains("\"a\"") && line["keys"].to_string().contains("\"b\"")
    );
    sandbox.config("[acl.default.launcher]\nget = [\"a\"]\nlist = [\"*\"]\n").stop();
    let password = sandbox.password("default");
    let export = ["export", "*", "--password-file", password.to_str().unwrap()];
    sandbox.pds(export).done().code(5).stdout("").end();
}
