//! What the program says, brought about.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::support::{Sandbox, Terminal};

/// Every file of the catalogue that is brought about here.
pub(super) fn all() -> Vec<(&'static str, String)> {
    vec![
        ("manifest", manifest()),
        ("config", config()),
        ("session", session()),
        ("export", exported()),
        ("approval", approval()),
        ("usage", usage()),
    ]
}

/// One call as a person sees it: what was typed, what was said, the exit status.
fn shown(sandbox: &Sandbox, arguments: &[&str]) -> String {
    // What else is installed here must not change a word.
    let path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
    let outcome = sandbox.pds(arguments).env("PATH", path).done();
    let words = shell_words::join(arguments);
    let text = format!("$ pds {words}\n{}[{}]\n\n", outcome.stderr(), outcome.status());
    let home = sandbox.path("");
    text.replace(home.to_str().unwrap().trim_end_matches('/'), "/home/me")
}

/// Everything that can be wrong with a manifest, as rustc would show it.
fn manifest() -> String {
    const WRONG: [&str; 12] = [
        "pds = 2\nprojcet = \"x\"\n[run]\nprofile = [\"a\", \"a\", \"b/c\"]\ninherit = \"none\"\n\
         conflict = \"secert\"\nttl = 9\n[policy]\nallow = \"all\"\n[secret]\n",
        "pds = 1\n[vars]\nPORT = 80\nA-B = \"x\"\nNUL = \"a\\u0000\"\n[secrets]\nA = \"a//b\"\n\
         B = { required = \"yes\", kee = \"x\" }\nPORT = \"port\"\n\
         C = { key = \"c\", generate = \"hex:1\", default = \"d\" }\nD = 5\n",
        "pds = 1\n[vars]\nPORT = \"80\"\n[compose]\nE = \"$ ${PROT} ${PORT|urlencod} ${} ${X\"\n\
         F = \"${G}\"\nG = \"${F}\"\nH = \"${NOWHERE} ${PROT}\"\nI = \"${PORT|x}\"\n",
        "pds = 1\nproject = \"\"\n[run]\nprofile = []\ninherit = [\"a-b\"]\n",
        "pds = 1\n[secrets]\nA = { key = \"../a\" }\nB = { key = \"\" }\nC = { key = \"a b\" }\n",
        "pds = 1\n[secrets]\nSTRIPE_KEY = sk_live_hunter2\n",
        "[secrets]\nA = \"a\"\n",
        "\u{feff}pds = 1\n",
        "pds = 1\nproject = 5\n[run]\nprofile = 5\nconflict = 5\ninherit = 5\n",
        "pds = 1\n[run]\nprofile = \"a b\"\n[secrets]\nA = { key = \"a\", deliver = \"no\" }\n",
        "pds = 1\nvars = 5\n[secrets]\nA = { key = \"a\", required = 1 }\n",
        "",
    ];
    let sandbox = Sandbox::new();
    let mut text = String::new();
    let mut check = |bytes: &[u8], show: bool| {
        fs::write(sandbox.path("w/pds.toml"), bytes).unwrap();
        let private = fs::Permissions::from_mode(0o644);
        fs::set_permissions(sandbox.path("w/pds.toml"), private).unwrap();
        let lines = String::from_utf8_lossy(bytes).into_owned();
        let lines: String = lines.lines().map(|line| format!("$ | {line}\n")).collect();
        text.push_str(if show { &lines } else { "$ | …\n" });
        text.push_str(&shown(&sandbox, &["check", "--no-values"]));
    };
    for wrong in WRONG {
        check(wrong.as_bytes(), true);
    }
    check(b"pds = 1\n# \xff\n", true);
    let long = "a".repeat(65);
    check(format!("pds = 1\n[run]\nprofile = \"{long}\"\n").as_bytes(), true);
    let many: String = (0..5_000).map(|n| format!("N{n} = \"\"\n")).collect();
    check(format!("pds = 1\n[vars]\n{many}").as_bytes(), false);
    text
}

/// Everything that can be wrong with a config, to a command that needs it and to one that
/// needs a daemon.
fn config() -> String {
    const WRONG: [&str; 5] = [
        "approval = \"of\"\nhistroy = 3\n[lifetimes]\nvalue = \"soon\"\nunlocked = 8\n\
         idel = \"1h\"\n[audit]\nsync = \"0s\"\n[rates.ci]\nburst = 5\n",
        "history = -1\n[rate.ci]\nburst = \"many\"\nper_secnod = 1\n[acl.\"a/b\".ci]\nget = []\n\
         [acl.work]\nget = [\"db/*\"]\n[acl.work.ci]\ngte = []\nset = \"db/*\"\n",
        "approval = true\n[lift.\"/home/me/app\"]\nvariable = [\"PATH\"]\n[lift]\n\"/x\" = 1\n",
        "approval = off\nhistory = sk_live_hunter2\n",
        "lifetimes = 5\nhistory = 9999999999\n[lift.\"/x\"]\nvariables = [1]\n",
    ];
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("w/pds.toml"), "pds = 1\n[vars]\nPATH = \"x\"\n").unwrap();
    let mut text = String::new();
    let mut told = |bytes: &[u8], call: &[&str]| {
        fs::create_dir_all(sandbox.home("config")).unwrap();
        fs::write(sandbox.home("config/config.toml"), bytes).unwrap();
        let lines = String::from_utf8_lossy(bytes).into_owned();
        text.extend(lines.lines().map(|line| format!("$ | {line}\n")));
        text.push_str(&shown(&sandbox, call));
    };
    for wrong in WRONG {
        told(wrong.as_bytes(), &["check", "--no-values"]);
    }
    told(b"# \xff\n", &["check", "--no-values"]);
    told(b"histroy = 3\n", &["list", "--no-prompt"]);
    text
}

/// What is said when something was done, and when it was not.
fn session() -> String {
    let sandbox = Sandbox::new();
    let password = sandbox.password("default");
    let password = password.to_str().unwrap();
    let new = sandbox.path("new");
    fs::write(&new, "another password\n").unwrap();
    fs::write(sandbox.path("w/.env"), "A=1\nB=2\n").unwrap();
    let backup = sandbox.path("w/b");
    let (new, backup) = (new.to_str().unwrap(), backup.to_str().unwrap());
    let calls: [&[&str]; 21] = [
        &["init", "--password-file", password],
        &["init", "--password-file", password],
        &["init", "-p", "work", "--password-file", password],
        &["import", ".env"],
        &["import", ".env"],
        &["import", ".env", "--overwrite"],
        &["rollback", "A", "--to", "1"],
        &["set", "old", "--generate", "--expires", "1h"],
        &["get", "gone"],
        &["get", "a b"],
        &["delete", "gone"],
        &["rename", "A", "B"],
        &["list", "-p", "nowhere"],
        &["backup", backup],
        &["backup", backup],
        &["restore", backup, "--replace", "--password-file", password],
        &["passwd", "--password-file", password, "--new-password-file", new],
        &["lock"],
        &["list", "--no-prompt"],
        &["check"],
        &["unlock", "--password-file", password],
    ];
    let said: String = calls.iter().map(|call| shown(&sandbox, call)).collect();
    fs::remove_file(sandbox.path("w/pds.toml")).unwrap();
    let said = said + &shown(&sandbox, &["init", "--password-file", new]);
    let surprise = ["run", "--", "echo"];
    let seen = Terminal::dialogue(&sandbox, &surprise, &[]).all().replace('\r', "");
    let said = format!("{said}$ pds run -- echo $NAME\n{seen}\n");
    let _ = fs::write(sandbox.path("w/pds.toml"), "pds = 1\n[vars]\nHTTP_PROXY = \"x\"\n");
    let last = [&["unlock", "--password-file", new][..], &["allow"], &["check"]];
    said + &last.iter().map(|call| shown(&sandbox, call)).collect::<String>()
}

/// Where the values go, and where they can't.
fn exported() -> String {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "two\nlines");
    fs::create_dir_all(sandbox.path(".password-store/work")).unwrap();
    fs::write(sandbox.path(".password-store/work/me@example.org.gpg"), "").unwrap();
    fs::create_dir(sandbox.path("bin")).unwrap();
    fs::write(sandbox.path("bin/gpg"), "#!/bin/sh\necho value\n").unwrap();
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(sandbox.path("bin/gpg"), executable).unwrap();
    let calls: [&[&str]; 4] = [
        &["import", "--from", "pass", "--dry-run", "work"],
        &["export", "--format", "docker", "A=a"],
        &["export", "--format", "json", "a", "--output", "values.json"],
        &["export", "--format", "json", "a", "--output", "values.json"],
    ];
    let said: String = calls.iter().map(|call| shown(&sandbox, call)).collect();
    let helper = sandbox.path("bin/git-credential-pds");
    std::os::unix::fs::symlink(crate::support::program(), &helper).unwrap();
    let git = sandbox.program(helper.to_str().unwrap(), ["get"]).input("host").done();
    format!("{said}$ git-credential-pds get\n{}[{}]\n", git.stderr(), git.status())
}

/// What is asked for, and what keeps a run from starting.
fn approval() -> String {
    let sandbox = Sandbox::ready().vault("work");
    sandbox.set("a", "1").set_in("work", "db/password", "2");
    let manifest = "[vars]\nDB_HOST = \"localhost\"\n[secrets]\nA = \"a\"\n\
        DB_PASSWORD = { key = \"db/password\", profile = \"work\", deliver = \"hidden\" }\n\
        [compose]\nDATABASE_URL = \"pg://${DB_PASSWORD|urlencode}@${DB_HOST}\"\n";
    sandbox.write_manifest(manifest);
    let mut text = shown(&sandbox, &["run", "--", "true"]);
    text += &shown(&sandbox, &["allow"]);
    sandbox.write_manifest(&manifest.replace("localhost", "evil.example"));
    text += &shown(&sandbox, &["run", "--", "true"]);
    sandbox.pds(["lock", "-p", "work"]).ok();
    sandbox.write_manifest(&format!("{manifest}[run]\nprofile = [\"default\", \"gone\"]\n"));
    text += &shown(&sandbox, &["check"]);
    text += &shown(&sandbox, &["run", "--no-prompt", "--", "true"]);
    sandbox.write_manifest("[secrets]\nA = \"a\"\nB = \"b\"\nLONG = \"stripe/live/api-key\"\n");
    text += &shown(&sandbox, &["run", "--", "true"]);
    text += &shown(&sandbox, &["check"]);
    text
}

/// clap's own, which has another look.
fn usage() -> String {
    let sandbox = Sandbox::new();
    let calls: [&[&str]; 8] = [
        &["frobnicate"],
        &["backup"],
        &["audit", "show", "--outcome", "x"],
        &["get"],
        &["get", "k", "-p", "../x"],
        &["run"],
        &["run", "-e", "A", "--", "true"],
        &["set", "k", "--stdin", "--generate"],
    ];
    calls.iter().map(|call| shown(&sandbox, call)).collect()
}
