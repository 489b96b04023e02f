//! What comes out of files, and what goes in and out of the vault as bytes.

use std::fs;

use crate::{
    export::has,
    support::{Outcome, Sandbox, Terminal},
};

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

#[test]
fn an_env_file_comes_in_as_a_shell_reads_it_where_nothing_is_expanded() {
    let sandbox = Sandbox::ready();
    let text = "# a comment\nA=plain\nexport B='it is # $X \\n'\nC=\"a \\\"b\\\" \\$X \\`id\\` \\\\\"\n\
                D='two\nlines'\n  E=x#y # not this\nF=\nG=a=b\nH=\"a\n\nb\"\nI=é\n";
    fs::write(sandbox.path("w/.env"), text).unwrap();
    sandbox.pds(["import", ".env"]).done().code(0).end();
    for shell in ["sh", "bash", "zsh"] {
        if !has(shell, &["-c", "true"]) {
            continue;
        }
        for key in ["A", "B", "C", "D", "E", "F", "G", "H", "I"] {
            let script = format!(". ./.env; printf %s \"${key}\"");
            let read = sandbox.program(shell, ["-c", &script]).ok();
            assert_eq!(sandbox.pds(["get", key]).ok(), read, "{key} by {shell}");
        }
    }
}

#[test]
fn yaml_comes_in_as_the_file_writes_it() {
    let sandbox = Sandbox::ready();
    let text = "db:\n  password: 'it''s'\n  port: 0x1F\n  ratio: 1.10\non: yes\npem: |\n  a\n  b\n";
    fs::write(sandbox.path("w/secrets.yml"), text).unwrap();
    sandbox.pds(["import", "secrets.yml", "--prefix", "app"]).done().code(0).end();
    for (key, value) in [
        ("app/db/password", "it's"),
        ("app/db/port", "0x1F"),
        ("app/db/ratio", "1.10"),
        ("app/on", "yes"),
        ("app/pem", "a\nb\n"),
    ] {
        assert_eq!(sandbox.pds(["get", key]).ok(), value.as_bytes(), "{key}");
    }
    let import = ["import", "-", "--format", "yaml"];
    fs::write(sandbox.path("w/broken.yml"), "a: &x hunter2\nb: *x\n").unwrap();
    let broken = sandbox.pds(["import", "broken.yml"]).done().code(1);
    broken.mentions("pds: `broken.yml`, line 2, column 1: ").end();
    let alias = sandbox.pds(import).input("a: &x hunter2\nb: *x\n").done().code(1);
    alias
        .says("pds: `standard input`, line 2, column 1: an alias stands here\npds: hint: write the value itself\n")
        .end();
    assert!(!sandbox.pds(["list"]).text().contains("a\nb"), "all or nothing");
}

#[test]
fn variables_come_in_from_the_environment() {
    let sandbox = Sandbox::ready();
    let import = ["import", "--from-env", "TOKEN", "--from-env", "DB=db/password"];
    let set = |import: &[&str]| sandbox.pds(import).env("TOKEN", " a=b\n").env("DB", "");
    set(&import).done().code(0).end();
    assert_eq!(sandbox.pds(["get", "TOKEN"]).ok(), b" a=b\n");
    assert_eq!(sandbox.pds(["get", "db/password"]).ok(), b"");
    let missing = ["import", "--from-env", "NEW=TOKEN", "--from-env", "TOKE", "--overwrite"];
    let missing = sandbox.pds(missing).done().code(1);
    let table = "pds: 2 variables can't be imported:\n  `NEW`   is not set\n  `TOKE`  is not set\n";
    missing.says(table).end();
    sandbox.pds(["import"]).done().code(2).end();
    sandbox.pds(["import", "file", "--from-env", "A"]).done().code(2).end();
}

#[test]
fn at_a_terminal_it_asks_before_it_replaces() {
    let sandbox = Sandbox::ready();
    sandbox.set("A", "1");
    fs::write(sandbox.path("w/new.env"), "A=2\nB=3\n").unwrap();
    for (answer, status, left) in [("n\n", 1, "1"), ("y\n", 0, "2")] {
        let mut terminal = Terminal::run(&sandbox, &["import", "new.env"]);
        terminal.expect("`A` exists already").expect("replace 1 secret? [y/N] ").send(answer);
        terminal.end().0.code(status).end();
        assert_eq!(sandbox.pds(["get", "A"]).ok(), left.as_bytes());
    }
    assert_eq!(sandbox.pds(["get", "B"]).ok(), b"3");
}

/// A store that pass(1) itself has made, under a key that gpg has made.
struct Store<'s>(&'s Sandbox);

impl<'s> Store<'s> {
    fn new(sandbox: &'s Sandbox) -> Self {
        let store = Self(sandbox);
        fs::create_dir(sandbox.path("g")).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(sandbox.path("g"), private).unwrap();
        let key = ["--batch", "--quiet", "--passphrase", "", "--quick-gen-key", "a@example.org"];
        let key = [&key[..], &["future-default", "default", "never"]].concat();
        store.run("gpg", &key, "").code(0).end();
        store.run("pass", &["init", "a@example.org"], "").code(0).end();
        store
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) -> Outcome {
        let home = self.0.path("g");
        self.0.program(program, arguments).env("GNUPGHOME", home).input(input).done()
    }

    fn insert(&self, name: &str, value: &str) {
        self.run("pass", &["insert", "--multiline", "--force", name], value).code(0).end();
    }

    fn import(&self, arguments: &[&str]) -> Outcome {
        let home = self.0.path("g");
        let arguments = [&["import", "--from", "pass"], arguments].concat();
        self.0.pds(arguments).env("GNUPGHOME", home).done()
    }
}

impl Drop for Store<'_> {
    fn drop(&mut self) {
        let home = self.0.path("g");
        let _ = self.0.program("gpgconf", ["--kill", "all"]).env("GNUPGHOME", home).done();
    }
}

#[test]
fn a_store_of_pass_comes_in_decrypted_by_gpg_itself() {
    if !has("gpg", &["--version"]) || !has("pass", &["version"]) {
        return;
    }
    let sandbox = Sandbox::ready();
    let store = Store::new(&sandbox);
    store.insert("work/db", "it's $X\n");
    store.insert("work/mail/me@example.org", "first\nuser: me\n\n");
    store.insert("home/wifi", "no newline");
    store
        .import(&["--dry-run", "work"])
        .code(0)
        .stdout("work/db\nwork/mail/me_example.org\n")
        .says("pds: `work/mail/me@example.org` becomes `work/mail/me_example.org`\n")
        .end();
    store.import(&[]).code(0).mentions("stored 3 secrets").end();
    let get = |key: &str| String::from_utf8(sandbox.pds(["get", key]).ok()).unwrap();
    assert_eq!(get("work/db"), "it's $X");
    assert_eq!(get("work/mail/me_example.org"), "first\nuser: me\n");
    assert_eq!(get("home/wifi"), "no newline");
    let one = ["work/mail/me@example.org", "--first-line", "--prefix", "p"];
    store.import(&one).code(0).end();
    assert_eq!(get("p/work/mail/me_example.org"), "first");
    store.import(&["nothing"]).code(1).mentions("there is no `nothing` in the store").end();
    store.import(&["../w"]).code(1).mentions("there is no `../w` in the store").end();
    fs::write(sandbox.path(".password-store/work/broken.gpg"), "not encrypted").unwrap();
    let broken = store.import(&["--prefix", "q"]).code(1);
    broken.mentions("gpg did not decrypt").end();
    assert!(!sandbox.pds(["list"]).text().contains("q/"), "all or nothing");
}
