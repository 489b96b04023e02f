//! Each gate once open and once shut, through the real daemon, one line each on the trail.

use pds::wire::message::{
    Approve, Import, KeyInProfile, ManifestClaim, ManifestInProfile, Plaintext, Request, Set,
    Unlock,
};

use crate::support::{Sandbox, Stranger};

/// Runs `get` and returns its exit status and what the trail has of it.
fn get(sandbox: &Sandbox, arguments: &[&str]) -> (i32, Vec<String>) {
    let mut status = 0;
    let recorded = sandbox.recorded(|| {
        let call = sandbox.pds(["get", "--no-prompt"].iter().chain(arguments));
        status = call.done().status();
    });
    (status, recorded)
}

#[test]
fn with_every_gate_open_a_value_comes_and_one_line_is_on_record() {
    let sandbox = Sandbox::ready();
    sandbox.set("a/b", "1");
    assert_eq!(get(&sandbox, &["a/b"]), (0, vec!["get granted".into()]));
    let line = sandbox.audit().pop().unwrap();
    assert_eq!(line["requester"], "launcher");
    assert_eq!(line["keys"], serde_json::json!(["a/b"]));
    assert_eq!(line["profiles"], serde_json::json!(["default"]));
}

#[test]
fn gate_1_is_shut_while_everything_is_locked() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "1").pds(["lock"]).ok();
    assert_eq!(get(&sandbox, &["k"]), (3, vec!["get denied locked".into()]));
}

#[test]
fn gate_2_is_shut_for_a_locked_and_for_an_unknown_profile() {
    let sandbox = Sandbox::ready().vault("asleep");
    sandbox.set_in("asleep", "k", "1").pds(["lock", "-p", "asleep"]).ok();
    let asleep = get(&sandbox, &["k", "-p", "asleep"]);
    assert_eq!(asleep, (3, vec!["get denied profile-locked".into()]));
    let nowhere = get(&sandbox, &["k", "-p", "nowhere"]);
    assert_eq!(nowhere, (4, vec!["get denied profile-unknown".into()]));
}

#[test]
fn gate_3_is_shut_for_a_key_that_nobody_registered_whatever_it_asks() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "1");
    let at = KeyInProfile { profile: "default", key: "k" };
    let value = || Plaintext(b"2");
    let password = || Plaintext(b"password of default");
    let manifest = || ManifestClaim { path: "/m", owner: 0, items: vec![], profiles: vec![] };
    let unlock = || Unlock { profile: "default", password: password(), accept_older: false };
    for request in [
        Request::Get(at),
        Request::Set(Set { at, value: value(), create_only: false, expires_at: None }),
        Request::Delete(at),
        Request::List("default"),
        Request::Unlock(unlock()),
        Request::Lock(None),
        Request::Stop,
        Request::Status,
        Request::Approvals("default"),
        Request::Approve(Approve { profile: "default", manifest: manifest() }),
        Request::Disapprove(ManifestInProfile { profile: "default", path: "/m" }),
        Request::Import(Import { profile: "default", entries: vec![], overwrite: true }),
    ] {
        let mut answer = String::new();
        let recorded = sandbox.recorded(|| answer = Stranger::new(&sandbox).ask(&request));
        assert!(answer.contains("Refused") && answer.contains("IdentityUnknown"), "{answer}");
        assert_eq!(recorded.len(), 1, "{request:?}: {recorded:?}");
        assert!(recorded[0].ends_with("denied identity-unknown"), "{recorded:?}");
        assert_eq!(sandbox.audit().pop().unwrap()["requester"], "-");
    }
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"1");
}

#[test]
fn gate_4_is_shut_when_the_bucket_is_empty_and_open_again_later() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "1").config("[rate.launcher]\nburst = 1\nper_second = 0\n");
    let statuses: Vec<_> = (0..3).map(|_| get(&sandbox, &["k"])).collect();
    assert_eq!(statuses[2], (5, vec!["get denied rate-limited".into()]));
    sandbox.config("[rate.launcher]\nburst = 1\nper_second = 20\n");
    // Refused at first, it waits as long as it is told to.
    let mut status = 1;
    let recorded = sandbox.recorded(|| status = get(&sandbox, &["k"]).0);
    assert_eq!((status, recorded.last().unwrap().as_str()), (0, "get granted"));
}

#[test]
fn gate_5_grants_what_a_rule_grants_and_no_more() {
    let sandbox = Sandbox::ready();
    sandbox.set("db/a", "1").set("web/a", "2");
    sandbox.config("[acl.default.launcher]\nget = [\"db/*\"]\n");
    assert_eq!(get(&sandbox, &["db/a"]), (0, vec!["get granted".into()]));
    assert_eq!(get(&sandbox, &["web/a"]), (5, vec!["get denied access-denied".into()]));
    let recorded = sandbox.recorded(|| {
        sandbox.pds(["delete", "db/a"]).done().code(5).end();
    });
    assert_eq!(recorded, ["delete denied access-denied"]);
    sandbox.config("");
    assert_eq!(get(&sandbox, &["web/a"]), (0, vec!["get granted".into()]));
}

#[test]
fn gate_5_5_is_shut_for_a_name_that_no_key_has() {
    // A few for each daemon: of more in a row, the trail has a sum and not each by itself.
    for names in [["", "..", "a//b", "a b"], ["/a", "a/", "a\nb", "é"]] {
        let sandbox = Sandbox::ready();
        let key = std::fs::read(sandbox.home("data/launcher.key")).unwrap();
        let key = pds::wire::identity::KeyPair::from_file_bytes(&key).unwrap().unwrap();
        for name in names {
            let at = KeyInProfile { profile: "default", key: name };
            let mut answer = String::new();
            let ask = || Stranger::with(&sandbox, &key).ask(&Request::Get(at));
            let recorded = sandbox.recorded(|| answer = ask());
            assert!(answer.contains("InvalidKey"), "{name:?}: {answer}");
            assert_eq!(recorded, ["get denied invalid-key"], "{name:?}");
            sandbox.pds(["get", name]).done().code(2).end();
        }
    }
}

#[test]
fn gate_6_says_that_there_is_no_such_key() {
    let sandbox = Sandbox::ready();
    assert_eq!(get(&sandbox, &["gone"]), (4, vec!["get failed not-found".into()]));
    let told = sandbox.pds(["get", "gone"]).done().code(4);
    told.says("pds: there is no `gone` in profile `default`\npds: hint: pds set gone\n").end();
}

#[test]
fn a_run_is_one_line_with_all_of_its_keys_and_no_value_is_ever_on_the_trail() {
    let sandbox = Sandbox::ready();
    sandbox.set("a", "value-one").set("b", "value-two");
    sandbox.manifest("project = \"shop\"\n[secrets]\nA = \"a\"\nB = \"b\"\n");
    let recorded = sandbox.recorded(|| {
        sandbox.pds(["run", "--", "true"]).ok();
    });
    // The end of the run may be on record by now too, in a line of its own.
    assert_eq!(recorded.iter().filter(|line| line.starts_with("run ")).count(), 1);
    assert_eq!(recorded[0], "run granted");
    let lines = sandbox.audit();
    let line = lines.iter().find(|line| line["operation"] == "run").unwrap();
    assert_eq!(line["keys"], serde_json::json!(["a", "b"]));
    assert_eq!((&line["project"], &line["command"]), (&"shop".into(), &"true".into()));
    let trail = serde_json::to_string(&sandbox.audit()).unwrap();
    assert!(!trail.contains("value-") && !trail.contains("password of"));
}
