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
        ("shown", shown_on_stdout()),
        ("warnings", warnings()),
    ]
}

/// One call as a person sees it: what was typed, what was said, the exit status.
fn shown(sandbox: &Sandbox, arguments: &[&str]) -> String {
    shown_with(sandbox, arguments, |_| String::new())
}

/// The same with what was printed, where that is words and no data.
fn shown_whole(sandbox: &Sandbox, arguments: &[&str]) -> String {
    shown_with(sandbox, arguments, str::to_owned)
}

fn shown_with(sandbox: &Sandbox, arguments: &[&str], printed: impl Fn(&str) -> String) -> String {
    // What else is installed here must not change a word.
    let path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
    let outcome = sandbox.pds(arguments).env("PATH", path).done();
    let words = shell_words::join(arguments);
    let printed = printed(&String::from_utf8_lossy(&outcome.0.stdout));
    let text = format!("$ pds {words}\n{printed}{}[{}]\n\n", outcome.stderr(), outcome.status());
    let home = sandbox.path("");
    text.replace(home.to_str().unwrap().trim_end_matches('/'), "/home/me")
}

/// Everything that can be wrong with a manifest, as rustc would show it.
fn manifest() -> String {
    const WRONG: [&str; 17] = [
        "pds = 2\nprojcet = \"x\"\n[run]\nprofile = [\"a\", \"a\", \"b/c\"]\ninherit = \"none\"\n\
         conflict = \"secert\"\nttl = 9\n[policy]\nallow = \"all\"\n[secret]\n",
        "pds = 1\n[vars]\nPORT = 80\nA-B = \"x\"\nNUL = \"a\\u0000\"\n[secrets]\nA = \"a//b\"\n\
         B = { required = \"yes\", kee = \"x\" }\nPORT = \"port\"\n\
         C = { key = \"c\", generate = \"hex:1\", default = \"d\" }\nD = 5\n",
        "pds = 1\n[vars]\nPORT = \"80\"\n[compose]\nE = \"$ ${PROT} ${PORT|urlencod} ${} ${X\"\n\
         F = \"${G}\"\nG = \"${F}\"\nH = \"${NOWHERE} ${PROT}\"\nI = \"${PORT|x}\"\n",
        "pds = 1\nproject = \"\"\n[run]\nprofile = []\ninherit = [\"a-b\"]\n",
        "pds = 1\n[secrets]\nA = { key = \"../a\" }\nB = { key = \"\" }\nC = { key = \"a b\" }\nD = { required = false }\n",
        "pds = 1\n[secrets]\nSTRIPE_KEY = sk_live_hunter2\n",
        "[secrets]\nA = \"a\"\n",
        "\u{feff}pds = 1\n",
        "pds = 1\nproject = 5\n[run]\nprofile = 5\nconflict = 5\ninherit = 5\n",
        "pds = 1\n[run]\nprofile = \"a b\"\n[secrets]\nA = { key = \"a\", deliver = \"no\" }\n",
        "pds = 1\nvars = 5\n[secrets]\nA = { key = \"a\", required = 1 }\n[compose]\nB = \"${C}\"\n",
        "",
        // Everything at once; and as much as can be told where lines can't be read.
        include_str!("../manifests/invalid/many.toml"),
        include_str!("../manifests/invalid/many-lines.toml"),
        "pds = 1\n[vars\nA = 5\n[secrets]\nPATH = 5\n",
        "pds = 1\n[secret]\nDB = \"db\"\nPATH = \"p\"\n[compose]\nURL = \"${DB}${DC}\"\n",
        "pds = 1\n[vars]\nPATH = \"x\"\n[secrets]\nPATH = { key = \"p\", deliver = \"hidden\" }\n\
         LD_AUDIT = { key = \"k\", deliver = \"hidden\" }\nHTTP_PROXY = \"p\"\n",
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
    check(
        b"pds = 1\n[vars]\nA = \"() { :; }\"\n[secrets]\nB = { key = \"b\", default = '() {' }\n",
        true,
    );
    let long = "a".repeat(131_070);
    check(format!("pds = 1\n[vars]\nA = \"{long}\"\n").as_bytes(), false);
    let many: String = (0..5_000).map(|n| format!("N{n} = \"\"\n")).collect();
    check(format!("pds = 1\n[vars]\n{many}").as_bytes(), false);
    let many: String = (0..25).map(|n| format!("a{n} = 1\n")).collect();
    check(format!("pds = 1\n{many}").as_bytes(), false);
    text
}

/// Everything that can be wrong with a config, to a command that needs it and to one that
/// needs a daemon.
fn config() -> String {
    const WRONG: [&str; 5] = [
        "approval = \"of\"\nhistroy = 3\n[lifetimes]\nvalue = \"soon\"\nunlocked = 8\n\
         idel = \"1h\"\n[audit]\nsync = \"0s\"\nsnyc = 1\n[rates.ci]\nburst = 5\n",
        "history = -1\n[rate.ci]\nburst = \"many\"\nper_secnod = 1\n[acl.\"a/b\".ci]\nget = []\n\
         [acl.work]\nget = [\"db/*\"]\n[acl.work.ci]\ngte = []\nset = \"db/*\"\n",
        "approval = true\n[lift.\"/home/me/app\"]\nvariable = [\"PATH\"]\n[lift]\n\"/x\" = 1\n",
        "approval = off\nhistory = sk_live_hunter2\n",
        "lifetimes = 5\nhistory = 9999999999\n[lift.\"/x\"]\nvariables = [1, \"LD_PRELOAD\"]\n",
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
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
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
    let said = said + &unfit(&sandbox);
    let helper = sandbox.path("bin/git-credential-pds");
    std::os::unix::fs::symlink(crate::support::program(), &helper).unwrap();
    sandbox.set("git/https/example.org", "two\nlines");
    let git = |request: &str| {
        let git = sandbox.program(helper.to_str().unwrap(), ["get"]).input(request).done();
        format!("$ git-credential-pds get\n{}[{}]\n", git.stderr(), git.status())
    };
    said + &git("host") + &git("protocol=https\nhost=example.org\n\n")
}

/// What each form can't carry.
fn unfit(sandbox: &Sandbox) -> String {
    let large = vec![b'x'; 1 << 19];
    sandbox.set("nul", "a\0b").set("bytes", b"\xff").set("end", "a\r");
    sandbox.set("large", &large).set("larger", &large).set("more", "x");
    let calls: [&[&str]; 6] = [
        &["export", "--format", "docker", "N=nul", "E=end"],
        &["export", "--format", "env", "N=nul"],
        &["export", "--format", "json", "bytes"],
        &["export", "--format", "docker", "E=end"],
        &["export", "--format", "docker", "L=large"],
        &["export", "--format", "k8s", "large", "larger", "more"],
    ];
    calls.iter().map(|call| shown(sandbox, call)).collect()
}

/// What commands print for a person: not the data that programs read, but words.
fn shown_on_stdout() -> String {
    let sandbox = Sandbox::new();
    let mut text = shown_whole(&sandbox, &["status"]);
    let sandbox = sandbox.vault("default").vault("work");
    sandbox.set("a", "1").set_in("work", "b", "2");
    let folder = sandbox.path("w").canonicalize().unwrap();
    let lifted = format!("[lift.{folder:?}]\nvariables = [\"PATH\", \"HOME\"]\n");
    sandbox.config(&lifted);
    let manifest = "[vars]\nPATH = \"/usr/bin:/bin\"\n[secrets]\nA = \"a\"\n\
         B = { key = \"b\", profile = [\"work\", \"default\"], required = false }\n\
         MADE = { key = \"made\", generate = \"hex:32\" }\nPORT = { key = \"p\", default = \"80\" }\n\
         MAYBE = { key = \"maybe\", required = false }\n\
         [compose]\nURL = \"http://${PORT}\"\nONE = \"1\"\n";
    sandbox.write_manifest(manifest);
    fs::write(sandbox.path("w/.env"), "a=2\nnew=3\n").unwrap();
    let calls: [&[&str]; 8] = [
        &["allow"],
        &["allow", "--list"],
        &["run", "-e", "A=a", "--dry-run", "--", "true"],
        &["import", ".env", "--dry-run"],
        &["explain"],
        &["explain", "B"],
        &["explain", "HOME"],
        &["explain", "STIRPE"],
    ];
    text.extend(calls.iter().map(|call| shown_whole(&sandbox, call)));
    let more = "[secrets]\nGONE = \"gone\"\nLOST = { key = \"l\", profile = \"lost\" }\n";
    sandbox.write_manifest(&manifest.replace("[secrets]\n", more));
    sandbox.pds(["lock", "-p", "work"]).ok();
    text += &shown_whole(&sandbox, &["explain"]);
    for conflict in ["environment", "error"] {
        sandbox.write_manifest(&format!(
            "[run]\nconflict = \"{conflict}\"\n[secrets]\nHOME = \"a\"\n"
        ));
        text += &shown_whole(&sandbox, &["explain", "HOME"]);
    }
    sandbox.config(&format!("{lifted}[acl.default.launcher]\nlist = [\"**\"]\n"));
    text += &shown_whole(&sandbox, &["explain"]);
    sandbox.config("histroy = 3\n[rat.ci]\n");
    // The rest is the machine's and the moment's.
    let config = |printed: &str| {
        let mut lines = printed.lines().filter(|line| line.starts_with("config"));
        format!("{}\n", lines.next().unwrap_or_default())
    };
    text + &shown_with(&sandbox, &["status"], config)
}

/// What is said in passing, and mistakes that a command finds by itself.
fn warnings() -> String {
    let sandbox = Sandbox::ready();
    sandbox.pds(["set", "a", "--generate", "--expires", "36h"]).ok();
    sandbox.manifest("[secrets]\nA = \"a\"\n");
    let one = shown(&sandbox, &["check"]);
    sandbox.manifest("[secrets]\nA = \"a\"\nB = \"b\"\nC = \"c\"\n");
    for (key, life) in [("a", "2h"), ("b", "36h"), ("c", "240h")] {
        sandbox.pds(["set", key, "--generate", "--expires", life]).ok();
    }
    let open = sandbox.password("default");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let file = open.to_str().unwrap();
    let calls: [&[&str]; 11] = [
        &["check"],
        &["unlock", "--password-file", file],
        &["set", "k", "--generate", "--expires", "soon"],
        &["set", "k", "--generate", "--expires", "99999d"],
        &["set", "k", "--generate", "--expires", "2020-01-31"],
        &["set", "k", "--no-prompt"],
        &["client", "add", "a b"],
        &["client", "add", "ci", "--grant", "work"],
        &["client", "add", "one", "--grant", "nopro:**:get"],
        &["client", "add", "two", "--grant", "nopro:**:get", "--grant", "gone:**:get,list"],
        &["client", "revoke", "ci"],
    ];
    let mut text: String = calls.iter().map(|call| shown(&sandbox, call)).collect();
    text.insert_str(0, &one);
    let folder = sandbox.sh("\"$PDS\" import - --format json < /").done();
    text +=
        &format!("$ pds import - --format json < /\n{}[{}]\n\n", folder.stderr(), folder.status());
    text += &shown(&sandbox, &["lock", "-p", "defualt"]);
    text += &shown(&sandbox, &["daemon", "--ttl", "5"]);
    sandbox.stop();
    let daemon = std::path::Path::new(&crate::support::program()).with_file_name("pds-daemon");
    let daemon = sandbox.program(daemon.to_str().unwrap(), ["--ttl", "0"]).done();
    text + &format!("$ pds-daemon --ttl 0\n{}[{}]\n", daemon.stderr(), daemon.status())
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
    text + &untypable(&sandbox)
}

/// Paths that nobody can type.
fn untypable(sandbox: &Sandbox) -> String {
    fs::create_dir(sandbox.path("w/a\x1bb")).unwrap();
    let write = |file: &str| {
        let path = sandbox.path("w/a\x1bb").join(file);
        fs::write(path, "pds = 1\n[secrets]\nA = \"a\"\n").unwrap();
        shown(sandbox, &["run", "-m", &format!("a\x1bb/{file}"), "--", "true"])
    };
    format!("{}{}", write("pds.toml"), write("other.toml")).replace('\x1b', "…")
}

/// Command lines that are wrong.
fn usage() -> String {
    let sandbox = Sandbox::new();
    let calls: [&[&str]; 27] = [
        &["frobnicate"],
        &["unlok"],
        &["audit", "shwo"],
        &["client", "frobnicate"],
        &["get", "k", "--frobnicate"],
        &["unlock", "--password-fil", "p"],
        &["get", "k", "another"],
        &["rename"],
        &["export", "--format", "jsn"],
        &["completions", "tcsh"],
        &["audit", "show", "--run", "x", "--since", "1h", "--json", "y"],
        &["get", "k", "--version"],
        &["set", "k", "--expires", "1h", "--expires", "2h"],
        &["set", "k", "--generate=hex:1"],
        &["audit", "follow", "--since"],
        &["client", "add", "ci", "--uid", "x"],
        &["run", "--frobnicate", "--", "true"],
        &["backup"],
        &["audit", "show", "--outcome", "x"],
        &["get"],
        &["get", "k", "-p", "../x"],
        &["run"],
        &["run", "-e", "A", "--", "true"],
        &["set", "k", "--stdin", "--generate"],
        &["set", "k", "--stdin=x"],
        &["set", "k", "the value itself"],
        &["set", "k=the-value"],
    ];
    let said: String = calls.iter().map(|call| shown(&sandbox, call)).collect();
    let bytes = sandbox.sh("\"$PDS\" get \"$(printf '\\377')\"").done();
    let daemon = std::path::Path::new(&crate::support::program()).with_file_name("pds-daemon");
    let daemon = sandbox.program(daemon.to_str().unwrap(), ["--tll", "5"]).done();
    format!(
        "{said}$ pds get \"$(printf '\\377')\"\n{}[{}]\n\n$ pds-daemon --tll 5\n{}[{}]\n",
        bytes.stderr(),
        bytes.status(),
        daemon.stderr(),
        daemon.status()
    )
}
