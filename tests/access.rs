//! The table of access, each line of it put to a real daemon.

use pds::wire::{
    identity::KeyPair,
    message::{KeyInProfile, Plaintext, Request, Set, Unlock},
};

use crate::{
    clients::{add, key_pair, socket},
    support::{Sandbox, Stranger},
};

const TABLE: &str = include_str!("golden/access.txt");

/// A line of the table, up to what is on record.
struct Line {
    profile: &'static str,
    requester: &'static str,
    rule: &'static str,
    key: &'static str,
    operation: &'static str,
    decision: &'static str,
    reason: &'static str,
    record: String,
}

fn lines() -> Vec<Line> {
    let all = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    all.map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [profile, requester, rule, key, operation, decision, reason, record @ ..] =
            words.as_slice()
        else {
            panic!("{line}")
        };
        let record = record.join(" ");
        Line { profile, requester, rule, key, operation, decision, reason, record }
    })
    .collect()
}

/// The keys that the table's requesters have, and what they ask.
struct Peers {
    launcher: KeyPair,
    stranger: KeyPair,
}

impl Peers {
    fn new(sandbox: &Sandbox) -> Self {
        add(sandbox, "ci", &[]);
        add(sandbox, "old", &[]);
        sandbox.pds(["client", "revoke", "old"]).ok();
        let launcher = std::fs::read(sandbox.home("data/launcher.key")).unwrap();
        Self {
            launcher: KeyPair::from_file_bytes(&launcher).unwrap().unwrap(),
            stranger: KeyPair::generate().unwrap(),
        }
    }

    fn ask(&self, sandbox: &Sandbox, line: &Line) -> String {
        let at = |key, name| Stranger::at(sandbox, key, &socket(sandbox, name));
        let mut peer = match line.requester {
            "launcher" => Stranger::with(sandbox, &self.launcher),
            "client" => at(&key_pair(sandbox, "ci"), "ci"),
            "revoked" => at(&key_pair(sandbox, "old"), "old"),
            _ => Stranger::with(sandbox, &self.stranger),
        };
        let profile = name_of(line.profile);
        let key = if line.key == "in" { "db/a" } else { "web/a" };
        let at = KeyInProfile { profile, key };
        let value = Plaintext(b"v");
        peer.ask(&match line.operation {
            "get" => Request::Get(at),
            "set" => Request::Set(Set { at, value, create_only: false, expires_at: None }),
            "delete" => Request::Delete(at),
            "list" => Request::List(profile),
            // None that could be one: it passes the gates, and then goes no further.
            "unlock" => {
                Request::Unlock(Unlock { profile, password: Plaintext(b""), accept_older: false })
            }
            _ => Request::Lock(Some(profile)),
        })
    }
}

fn name_of(profile: &str) -> &'static str {
    match profile {
        "known" => "work",
        "inactive" => "asleep",
        _ => "nowhere",
    }
}

fn config(line: &Line) -> String {
    let rates = "[rate.ci]\nburst = 1000\nper_second = 1000\n";
    let called = match line.requester {
        "client" => "ci",
        "revoked" => "old",
        other => other,
    };
    let globs = if line.rule == "list" { "[\"db/*\"]" } else { "[]" };
    let operations = ["get", "set", "delete", "list", "unlock", "lock"];
    let lists: String = operations.map(|word| format!("{word} = {globs}\n")).concat();
    match line.rule {
        "absent" => rates.to_owned(),
        _ => format!("{rates}[acl.{}.{called}]\n{lists}", name_of(line.profile)),
    }
}

#[test]
fn a_real_daemon_decides_as_the_table_says_and_writes_one_line_for_each() {
    let sandbox = Sandbox::new().vault("work").vault("asleep").vault("else");
    sandbox.pds(["lock", "-p", "asleep"]).ok();
    let peers = Peers::new(&sandbox);
    let lines = lines();
    assert_eq!(lines.len(), 432);
    let password = sandbox.password("work");
    // What one requester asks of one profile under one rule with one key; locking is last.
    for group in lines.chunks(6) {
        sandbox.config(&config(&group[0]));
        let before = sandbox.audit().len();
        let answers: Vec<_> = group.iter().map(|line| peers.ask(&sandbox, line)).collect();
        let recorded = sandbox.audit().split_off(before);
        assert_eq!(recorded.len(), group.len(), "{recorded:?}");
        for ((line, answer), written) in group.iter().zip(answers).zip(recorded) {
            let told = match written["outcome"].as_str().unwrap() {
                // Past the gates: the vault had the last word.
                "granted" | "failed" => "granted".to_owned(),
                _ => format!("denied: {}", written["reasons"][0].as_str().unwrap()),
            };
            let text = |at: &serde_json::Value| at.as_str().unwrap_or("-").to_owned();
            let key = text(&written["keys"][0]);
            let (who, what) = (text(&written["requester"]), text(&written["operation"]));
            let profile = text(&written["profiles"][0]);
            assert_eq!(format!("{who} {what} {profile} {key} {told}"), line.record, "{answer}");
            assert_eq!(line.decision == "denied", told.ends_with(line.reason), "{answer}");
        }
        let locked = group[5].profile == "known" && group[5].decision == "granted";
        if locked {
            let unlock = ["unlock", "-p", "work", "--password-file", password.to_str().unwrap()];
            sandbox.pds(unlock).ok();
        }
    }
}

#[test]
fn a_changed_config_is_in_force_at_once_and_a_broken_one_is_told_and_changes_nothing() {
    let sandbox = Sandbox::ready();
    sandbox.set("db/a", "one").set("web/a", "two");
    let key = add(&sandbox, "ci", &[]);
    let get = |name: &str| {
        let words = ["get", name, "--client-key", key.to_str().unwrap()];
        sandbox.pds(words).done().status()
    };
    let config = || {
        let status: serde_json::Value =
            serde_json::from_slice(&sandbox.pds(["status", "--json"]).ok()).unwrap();
        status["config_error"].as_str().map(str::to_owned)
    };
    assert_eq!((get("db/a"), get("web/a")), (5, 5));
    sandbox.config("[acl.default.ci]\nget = [\"db/*\"]\n");
    assert_eq!((get("db/a"), get("web/a"), config()), (0, 5, None));
    for (broken, place) in [
        ("[acl.default.ci]\nget = [\"**\"]\ngot = []\n", "line 3, column 1"),
        ("[acl.default.ci]\nget = \"**\"\n", "line 2, column 7"),
        ("[acl.\"de fault\".ci]\nget = [\"**\"]\n", "line 1, column 6"),
        ("[acl.default.ci]\nget = [\"**\"\n", "line 2, column 13"),
    ] {
        sandbox.config(broken);
        assert_eq!((get("db/a"), get("web/a")), (0, 5), "{broken}");
        let told = config().unwrap();
        assert!(told.contains(place), "{told}");
        assert!(sandbox.pds(["status"]).text().contains("the last good one is in force"));
        let log = std::fs::read_to_string(sandbox.home("state/log")).unwrap();
        let said = log.lines().rfind(|line| line.contains("config not taken"));
        assert!(said.unwrap().contains(place), "{log}");
        // A client is not shown what is in its owner's files.
        let words = ["status", "--json", "--client-key", key.to_str().unwrap()];
        assert!(!sandbox.pds(words).text().contains("line "));
    }
    sandbox.config("[acl.default.ci]\nget = [\"web/*\"]\n");
    assert_eq!((get("db/a"), get("web/a"), config()), (5, 0, None));
}
