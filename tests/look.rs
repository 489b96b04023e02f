//! Looking before: `check`, `explain` and the dry run. They show no value, prolong nothing
//! and need no approval.

use serde_json::{Value, json};

use crate::support::{Sandbox, Terminal};

fn as_json(sandbox: &Sandbox, arguments: &[&str], status: i32) -> Value {
    let outcome = sandbox.pds(arguments).done().code(status).says("");
    serde_json::from_slice(&outcome.0.stdout).unwrap()
}

fn codes(report: &Value) -> Vec<&str> {
    let problems = report["problems"].as_array().unwrap();
    problems.iter().map(|problem| problem["code"].as_str().unwrap()).collect()
}

#[test]
fn check_finds_problems_of_every_kind_at_once() {
    let sandbox = Sandbox::ready().vault("work");
    sandbox.set("a", "1").pds(["lock", "-p", "work"]).ok();
    sandbox.write_manifest(
        "[run]\nconflict = \"error\"\n[vars]\nHOME2 = \"x\"\nLD_PRELOAD = \"x\"\nSET = \"x\"\n\
         [secrets]\nA = \"a\"\nB = \"b\"\nC = { key = \"c\", required = false }\n\
         D = { key = \"d\", profile = \"work\" }\nE = { key = \"e\", profile = \"gone\" }\n\
         F = { key = \"f\", default = \"x\" }\n",
    );
    let check = sandbox.pds(["check", "--json"]).env("SET", "already").done().code(1).says("");
    let report: Value = serde_json::from_slice(&check.0.stdout).unwrap();
    assert_eq!(report["would_start"], false);
    let mut found = codes(&report);
    found.sort_unstable();
    let expected = [
        "not-approved",
        "not-found",
        "profile-locked",
        "profile-unknown",
        "variable-already-set",
        "variable-refused",
    ];
    assert_eq!(found, expected);
    assert_eq!(report["unseen"], json!([{ "profile": "work", "keys": ["d"] }]));
    let missing = report["problems"].as_array().unwrap();
    let missing = missing.iter().find(|problem| problem["code"] == "not-found").unwrap();
    assert_eq!((&missing["key"], &missing["hint"]), (&json!("b"), &json!("pds set b")));
    let problems = report["problems"].as_array().unwrap();
    let about = |code: &str, field: &str| {
        let problem = problems.iter().find(|problem| problem["code"] == code).unwrap();
        problem.get(field).cloned()
    };
    assert_eq!(about("profile-unknown", "profile"), Some(json!("gone")));
    assert_eq!(about("profile-unknown", "key"), None, "it is about no key");
    assert_eq!(about("not-found", "profile"), Some(json!("default")));
    let told = sandbox.pds(["check"]).done().code(1).stdout("").stderr();
    assert!(!told.contains("lifted"), "what is refused is not lifted: {told}");
    let unseen = "pds: not seen while `work` is locked: 1 key, and the approval there\n";
    assert!(told.contains(unseen), "{told}");
}

#[test]
fn a_run_that_is_refused_tells_everything_that_check_does() {
    let sandbox = Sandbox::ready().vault("work");
    sandbox.set("a", "1").set("denied", "1").pds(["lock", "-p", "work"]).ok();
    sandbox.config("[acl.default.launcher]\nget = [\"a\", \"b\"]\nset = [\"*\"]\nlist = [\"*\"]\n");
    let secrets = "[run]\nconflict = \"error\"\n[vars]\nSET = \"x\"\n[secrets]\nA = \"a\"\nB = \"b\"\n\
                   C = \"denied\"\nD = { key = \"d\", profile = \"work\" }\n";
    for more in ["", "E = { key = \"e\", profile = \"gone\" }\n"] {
        sandbox.write_manifest(&format!("{secrets}{more}"));
        let told = |arguments: &[&str]| {
            let told = sandbox.pds(arguments).env("SET", "already").done().stdout("").stderr();
            let not_seen = |line: &&str| !line.contains("not seen while");
            let mut lines: Vec<_> = told.lines().filter(not_seen).map(str::to_owned).collect();
            lines.sort();
            lines.dedup();
            lines
        };
        let check = told(&["check"]);
        let all = ["`b`", "`denied`", "work", "SET", "is not approved"];
        let has = |what: &&str| check.iter().any(|line| line.contains(*what));
        assert!(all.iter().all(has), "{check:#?}");
        assert_eq!(told(&["run", "--no-prompt", "--", "true"]), check);
        assert_eq!(told(&["run", "--no-prompt", "--dry-run", "--", "true"]), check);
    }
}

#[test]
fn what_keeps_many_keys_away_is_told_once_with_what_helps() {
    let sandbox = Sandbox::ready();
    let gone: String =
        (0..5).map(|n| format!("G{n} = {{ key = \"k{n}\", profile = \"gone\" }}\n")).collect();
    sandbox.write_manifest(&format!("[secrets]\n{gone}"));
    let once = "pds: there is no vault for profile `gone`\npds: hint: pds init -p gone\n";
    sandbox.pds(["run", "--", "true"]).done().code(125).says(once).end();
    sandbox.pds(["check"]).done().code(4).says(once).end();
    let missing: String = (0..3).map(|n| format!("A{n} = \"k\"\nB{n} = \"l\"\n")).collect();
    sandbox.write_manifest(&format!("[secrets]\n{missing}"));
    let table = "pds: 2 keys can't be had:\n  `k`  not in `default`  pds set k\n  \
                 `l`  not in `default`  pds set l\n";
    let told = sandbox.pds(["check"]).done().code(1).stderr();
    assert!(told.starts_with(table), "{told}");
    let report = as_json(&sandbox, &["check", "--json"], 1);
    assert_eq!(codes(&report), ["not-found", "not-found", "not-approved"]);
}

#[test]
fn check_needs_no_approval_to_see_what_is_missing() {
    let sandbox = Sandbox::ready();
    sandbox.write_manifest("[secrets]\nA = \"a\"\n");
    let report = as_json(&sandbox, &["check", "--json"], 1);
    assert_eq!(codes(&report), ["not-found", "not-approved"]);
}

#[test]
fn a_denied_key_does_not_hide_that_another_is_missing() {
    let sandbox = Sandbox::ready();
    sandbox.manifest("[secrets]\nA = \"shown/a\"\nB = \"hidden/b\"\n");
    sandbox.config("[acl.default.launcher]\nget = [\"shown/*\"]\n");
    let report = as_json(&sandbox, &["check", "--json"], 1);
    let mut found = codes(&report);
    found.sort_unstable();
    assert_eq!(found, ["access-denied", "not-found"]);
}

#[test]
fn keys_that_are_denied_stand_together_with_one_hint() {
    let sandbox = Sandbox::ready();
    sandbox.manifest("[secrets]\nA = \"a\"\nB = \"hidden/b\"\nC = \"hidden/c\"\nD = \"d\"\n");
    sandbox.config("[acl.default.launcher]\nget = [\"*\"]\n");
    let expected = "pds: 2 keys can't be had:\n  `a`  not in `default`  pds set a\n  \
                    `d`  not in `default`  pds set d\n\
                    pds: 2 keys are not granted:\n  `hidden/b`  in `default`\n  \
                    `hidden/c`  in `default`\n\
                    pds: hint: the vault's owner can grant it, in `[acl.default]` of config.toml\n";
    sandbox.pds(["check"]).done().code(5).says(expected).end();
}

#[test]
fn looking_leaves_a_line_and_neither_caches_nor_counts_as_use() {
    let sandbox = Sandbox::new();
    sandbox.config("[lifetimes]\nidle = \"2s\"\n");
    let sandbox = sandbox.vault("default");
    sandbox.set("a", "1").manifest("[secrets]\nA = \"a\"\n");
    let lines = sandbox.recorded(|| {
        sandbox.pds(["check"]).done().code(0).end();
    });
    assert_eq!(lines, ["check granted"]);
    // Asked all the time, and locked all the same.
    crate::support::until("the idle profile is locked", || {
        sandbox.pds(["check"]).done().status() == 3
    });
}

#[test]
fn check_of_the_manifest_alone_asks_nobody() {
    let sandbox = Sandbox::new();
    sandbox.write_manifest("[secrets]\nA = \"a\"\n");
    let good = "the manifest can be used; no vault was looked at\n";
    assert_eq!(sandbox.pds(["check", "--no-values"]).text(), good);
    assert_eq!(as_json(&sandbox, &["check", "--no-values", "--json"], 0)["manifest_only"], true);
    sandbox.write_manifest("[secret]\nA = \"a\"\n[run]\nprofil = \"x\"\n");
    let report = as_json(&sandbox, &["check", "--no-values", "--json"], 1);
    let at: Vec<_> = report["problems"].as_array().unwrap().iter().collect();
    assert_eq!((&at[0]["line"], &at[0]["column"]), (&json!(2), &json!(2)));
    assert_eq!(at[1]["hint"], "did you mean `profile`?");
    assert!(!sandbox.socket().exists(), "no daemon was started");
}

const MANIFEST: &str = "[run]\nprofile = [\"base\", \"work\"]\n[vars]\nHOST = \"h\"\n[secrets]\n\
    BOTH = \"both\"\nONE = \"one\"\nGONE = { key = \"gone\", required = false }\n\
    MADE = { key = \"made\", generate = \"hex:32\" }\nPW = { key = \"pw\", deliver = \"hidden\" }\n\
    [compose]\nURL = \"x://${PW|urlencode}@${HOST}\"\n";

fn explained() -> Sandbox {
    let sandbox = Sandbox::new().vault("base").vault("work");
    sandbox.set_in("base", "both", "secret-1").set_in("work", "both", "secret-2");
    sandbox.set_in("base", "one", "secret-3").set_in("work", "pw", "secret-4");
    sandbox.write_manifest(MANIFEST);
    sandbox
}

#[test]
fn explain_says_from_where_how_and_in_whose_place() {
    let sandbox = explained();
    let explain = |name: &str| sandbox.pds(["explain", name]).env("BOTH", "before").text();
    let expected = "BOTH\n  from       both (work, of base, work)\n  profile    base: there\n  \
                    profile    work: there\n  stands     over the one in the environment\n  \
                    delivered  as an environment variable\n";
    assert_eq!(explain("BOTH"), expected);
    assert!(explain("ONE").contains("one (base, of base, work)\n"));
    assert!(explain("GONE").contains("gone (base, work), not there: unset\n"));
    assert!(explain("MADE").contains("not there: will be made\n"));
    assert!(explain("PW").contains("delivered  for templates alone\n"));
    assert!(explain("URL").contains("from       made of PW|urlencode, HOST\n"));
    assert!(explain("HOME").contains("as it is in the environment\n"));
    let all = sandbox.pds(["explain"]).text();
    assert_eq!(all.lines().count(), 7, "{all}");
    assert!(!all.contains("secret-"));
    let gone = sandbox.pds(["explain", "BOHT"]).done().code(4).stdout("");
    gone.says("pds: nothing here sets `BOHT`\npds: hint: did you mean `BOTH`?\n").end();
    sandbox.pds(["lock"]).ok();
    assert!(explain("ONE").contains("one (base, work), which is locked\n"));
}

#[test]
fn explain_in_json_has_stable_words() {
    let sandbox = explained();
    let one = |name: &str| as_json(&sandbox, &["explain", name, "--json"], 0)[0].clone();
    let states = json!([
        { "profile": "base", "state": "there" },
        { "profile": "work", "state": "absent" },
    ]);
    let expected = json!({
        "variable": "ONE", "source": "secret", "key": "one", "profile": "base",
        "profiles": states, "required": true, "if_absent": "error",
        "delivery": "env", "shadows": [],
    });
    assert_eq!(one("ONE"), expected);
    assert_eq!(one("URL")["parts"], json!(["PW|urlencode", "HOST"]));
    assert_eq!(one("MADE")["if_absent"], "generate");
    assert_eq!(one("HOST")["source"], "vars");
}

#[test]
fn the_dry_run_says_what_an_option_stands_in_the_place_of() {
    let sandbox = explained();
    sandbox.pds(["allow"]).done().code(0).end();
    let run = ["run", "--dry-run", "-e", "HOST=one", "--", "x", "a b"];
    let text = sandbox.pds(run).text();
    assert!(text.contains("HOST  one (base, of base, work), over the manifest's\n"), "{text}");
    assert!(text.ends_with("would run: x 'a b'\n") && !text.contains("secret-"), "{text}");
}

const SURPRISE: &str =
    "pds: hint: your shell replaced `$NAME` before pds ran; try sh -c 'echo $NAME'";

#[test]
fn who_let_the_shell_expand_a_variable_is_told_once_and_no_pipeline_is() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").manifest("[secrets]\nTOKEN = \"k\"\n");
    for command in [&["echo"][..], &["printf", "%s", ""]] {
        let words: Vec<_> = ["run", "--"].iter().chain(command).copied().collect();
        let mut terminal = Terminal::dialogue(&sandbox, &words, &[]);
        let shown = terminal.all();
        assert_eq!(shown.matches(SURPRISE).count(), 1, "{shown}");
        sandbox.pds(&words).done().code(0).says("").end();
        let mut terminal = Terminal::run(&sandbox, &words);
        terminal.all();
        terminal.end().0.code(0).says("").end();
    }
    let mut terminal = Terminal::dialogue(&sandbox, &["run", "--", "printf"], &[]);
    assert_eq!(terminal.all().matches(SURPRISE).count(), 1);
    let mut terminal = Terminal::dialogue(&sandbox, &["run", "--", "echo", "x"], &[]);
    assert!(!terminal.all().contains("hint"));
}
