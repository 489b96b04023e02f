//! `pds __complete`, which the three files call.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    time::Instant,
};

use nix::{sys::signal, unistd::Pid};
use pds::{
    client::Client,
    home::Home,
    secret::SecureBuffer,
    wire::message::{self, KeyPrefix, Request, Response},
};
use serde_json::Value;

use crate::support::{Sandbox, Stranger};

/// The names; pressed again where the machine was too busy to answer in time.
#[track_caller]
fn names(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    const TRIES: usize = 20;
    let ask = || {
        let said = sandbox.pds(["__complete"].iter().chain(arguments)).ok();
        String::from_utf8(said).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    (0..TRIES).map(|_| ask()).find(|names| !names.is_empty()).unwrap_or_default()
}

/// Once: what must not come must not come at any time.
#[track_caller]
fn no_names(sandbox: &Sandbox, arguments: &[&str]) {
    sandbox.pds(["__complete"].iter().chain(arguments)).done().code(0).stdout("").end();
}

#[test]
fn keys_come_from_the_profiles_that_the_line_or_the_manifest_or_nothing_names() {
    let sandbox = Sandbox::ready().vault("work");
    sandbox.set("db/url", "1").set("db/password", "2").set("web", "3");
    sandbox.set_in("work", "db/work", "4");
    assert_eq!(names(&sandbox, &["keys", "", "get"]), ["db/password", "db/url", "web"]);
    assert_eq!(names(&sandbox, &["keys", "db/p", "get"]), ["db/password"]);
    assert_eq!(names(&sandbox, &["keys", "d", "get", "-p", "work"]), ["db/work"]);
    sandbox
        .write_manifest("[run]\nprofile = [\"default\", \"work\"]\n[secrets]\nURL = \"db/url\"\n");
    assert_eq!(names(&sandbox, &["entries", "d", "export"]), ["db/password", "db/url"]);
    assert_eq!(names(&sandbox, &["entries", "X=db/u", "export"]), ["X=db/url"]);
    let both = ["X=db/password", "X=db/url", "X=db/work"];
    assert_eq!(names(&sandbox, &["assignments", "X=d", "run", "-e"]), both);
    assert_eq!(names(&sandbox, &["assignments", "X=d", "run", "-p", "work", "-e"]), ["X=db/work"]);
    no_names(&sandbox, &["keys", "", "get", "-p", "nowhere"]);
}

#[test]
fn more_keys_than_a_person_reads_are_shown_by_their_folders() {
    let sandbox = Sandbox::ready();
    let keys = (0..501).map(|n| (format!("many/{n:03}"), Value::from("v")));
    let all: serde_json::Map<_, _> = keys.chain([("one".to_owned(), Value::from("v"))]).collect();
    let text = serde_json::to_vec(&all).unwrap();
    sandbox.pds(["import", "-", "--format", "json"]).input(text).done().code(0).end();
    assert_eq!(names(&sandbox, &["keys", ""]), ["many/", "one"]);
    assert_eq!(names(&sandbox, &["keys", "many/00"]).len(), 10);
    sandbox.config("[acl.default.launcher]\nlist = [\"many/00?\"]\nlock = [\"**\"]\n");
    assert_eq!(names(&sandbox, &["keys", ""]).len(), 10);
}

#[test]
fn variables_profiles_clients_and_projects_are_what_is_there_and_are_names() {
    let sandbox = Sandbox::ready().vault("work");
    sandbox.write_manifest("project = \"shop\"\n[secrets]\nURL = \"u\"\n[vars]\nMODE = \"x\"\n");
    assert_eq!(names(&sandbox, &["assignments", ""]), ["MODE=", "URL="]);
    assert_eq!(names(&sandbox, &["projects", "s"]), ["shop"]);
    fs::create_dir(sandbox.home("data/vaults/$(touch x)")).unwrap();
    assert_eq!(names(&sandbox, &["profiles", ""]), ["default", "work"]);
    fs::create_dir_all(sandbox.home("data/clients")).unwrap();
    fs::write(sandbox.home("data/clients/ci.toml"), "").unwrap();
    fs::write(sandbox.home("data/clients/$(touch x).toml"), "").unwrap();
    assert_eq!(names(&sandbox, &["clients", ""]), ["ci", "launcher"]);
    // What a stranger's manifest could have a shell do, were it offered.
    for hostile in
        ["[secrets]\n\"$(touch x)\" = \"u\"\n", "[secrets\n", "project = \"$(touch x)\"\n"]
    {
        sandbox.write_manifest(hostile);
        no_names(&sandbox, &["assignments", ""]);
        no_names(&sandbox, &["projects", ""]);
    }
    no_names(&sandbox, &["unheard-of", ""]);
}

#[test]
fn it_leaves_no_line_on_the_trail_locked_or_unlocked() {
    let sandbox = Sandbox::ready().vault("asleep");
    sandbox.set("k", "1").pds(["lock", "-p", "asleep"]).ok();
    let recorded = sandbox.recorded(|| {
        assert_eq!(names(&sandbox, &["keys", ""]), ["k"]);
        no_names(&sandbox, &["keys", "", "-p", "asleep"]);
        no_names(&sandbox, &["keys", "", "-p", "nowhere"]);
    });
    assert!(recorded.is_empty(), "{recorded:?}");
    sandbox.pds(["lock"]).ok();
    assert!(sandbox.recorded(|| no_names(&sandbox, &["keys", ""])).is_empty());
}

#[test]
fn it_shows_what_the_rules_let_the_cli_list_and_nothing_else() {
    let sandbox = Sandbox::ready();
    sandbox.set("db/a", "1").set("web", "2");
    sandbox.config("[acl.default.launcher]\nlist = [\"db/*\"]\nlock = [\"**\"]\n");
    assert_eq!(names(&sandbox, &["keys", ""]), ["db/a"]);
    sandbox.config("[acl.default.launcher]\nget = [\"**\"]\nlock = [\"**\"]\n");
    no_names(&sandbox, &["keys", ""]);
}

#[test]
fn only_the_cli_itself_can_ask_unrecorded() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "1");
    let recorded = sandbox.recorded(|| {
        let asked = KeyPrefix { profile: "default", prefix: "" };
        let answer = Stranger::new(&sandbox).ask(&Request::Complete(asked));
        assert!(answer.contains("IdentityUnknown") && !answer.contains("Names"), "{answer}");
    });
    assert_eq!(recorded, ["complete denied identity-unknown"]);
}

#[test]
fn it_keeps_nothing_unlocked_for_longer() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "1");
    let home = Home {
        config: sandbox.home("config"),
        data: sandbox.home("data"),
        state: sandbox.home("state"),
        runtime: sandbox.home("run"),
        client_key: None,
    };
    let left = || -> u64 {
        let mut buffer = SecureBuffer::new().unwrap();
        Client::connect(&home).unwrap().exchange(&Request::Status, &mut buffer).unwrap();
        let Response::Status(status) = message::decode(buffer.as_slice()).unwrap() else {
            panic!("no status")
        };
        status.profiles[0].unlocked_for_ms.unwrap()
    };
    let before = left();
    let begun = Instant::now();
    for _ in 0..5 {
        assert_eq!(names(&sandbox, &["keys", ""]), ["k"]);
    }
    let passed = u64::try_from(begun.elapsed().as_millis()).unwrap();
    let after = left();
    // It was a use, if more is left than what has passed since: milliseconds are rounded.
    assert!(after + passed <= before + 3 && passed > 5, "{before} {after} {passed}");
}

#[test]
fn it_starts_no_daemon_not_even_one_that_waits_to_be_connected_to() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "1").stop();
    no_names(&sandbox, &["keys", ""]);
    assert_eq!(sandbox.daemon_pid(), None);
    // As systemd listens for a daemon that does not run.
    let _ = fs::remove_file(sandbox.socket());
    let listener = UnixListener::bind(sandbox.socket()).unwrap();
    fs::set_permissions(sandbox.socket(), fs::Permissions::from_mode(0o600)).unwrap();
    listener.set_nonblocking(true).unwrap();
    no_names(&sandbox, &["keys", ""]);
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    fs::remove_file(sandbox.socket()).unwrap();
}

#[test]
fn a_daemon_that_does_not_answer_is_not_waited_for() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "1");
    let pid = Pid::from_raw(sandbox.daemon_pid().unwrap().try_into().unwrap());
    signal::kill(pid, signal::Signal::SIGSTOP).unwrap();
    // It would wait for as long as the daemon sleeps.
    let asked = sandbox.pds(["__complete", "keys", ""]).done();
    signal::kill(pid, signal::Signal::SIGCONT).unwrap();
    asked.code(0).stdout("").end();
}
