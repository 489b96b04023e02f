//! How a client comes to be, and what is left when it was revoked.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use pds::wire::{
    identity::KeyPair,
    message::{KeyInProfile, Request},
};

use super::{add, granted, key_pair, socket};
use crate::support::{Sandbox, Stranger};

#[test]
fn revoking_works_at_once_and_on_open_connections_too() {
    let (sandbox, _) = granted();
    let (pair, at) = (key_pair(&sandbox, "ci"), socket(&sandbox, "ci"));
    let get = Request::Get(KeyInProfile { profile: "default", key: "db/a" });
    let mut open = Stranger::at(&sandbox, &pair, &at);
    assert!(open.ask(&get).starts_with("Values"));
    let idle = Stranger::at(&sandbox, &pair, &at);
    sandbox.pds(["client", "revoke", "ci"]).ok();
    assert!(open.was_cut_off() && idle.was_cut_off());
    // And whoever comes again is told, and on record by its name, also after a restart.
    for _ in 0..2 {
        let mut again = String::new();
        let ask = || Stranger::at(&sandbox, &pair, &at).ask(&get);
        let recorded = sandbox.recorded(|| again = ask());
        assert!(again.contains("IdentityRevoked"), "{again}");
        assert_eq!(recorded, ["get denied identity-revoked"]);
        assert_eq!(sandbox.audit().pop().unwrap()["requester"], "ci");
        sandbox.stop();
        let password = sandbox.password("default");
        sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
    }
    sandbox.pds(["client", "revoke", "nobody"]).done().code(4).end();
}

#[test]
fn a_revoked_name_can_be_enrolled_anew_with_another_key() {
    let (sandbox, old) = granted();
    sandbox.pds(["client", "add", "ci"]).done().code(1).mentions("enrolled already").end();
    sandbox.pds(["client", "revoke", "ci"]).ok();
    let kept = sandbox.path("old.key");
    fs::rename(&old, &kept).unwrap();
    let new = add(&sandbox, "ci", &["--grant", "default:web/*:get"]);
    let get = |key: &str, file: &PathBuf| {
        sandbox.pds(["get", key, "--client-key", file.to_str().unwrap()]).done()
    };
    get("web/a", &new).code(0).stdout("two").end();
    get("db/a", &new).code(5).end();
    get("db/a", &kept).code(5).mentions("does not know this client's key").end();
}

#[test]
fn a_key_counts_at_its_own_socket_alone() {
    let (sandbox, _) = granted();
    add(&sandbox, "agent", &["--grant", "default:**:get"]);
    let launcher = fs::read(sandbox.home("data/launcher.key")).unwrap();
    let launcher = KeyPair::from_file_bytes(&launcher).unwrap().unwrap();
    let (ci, agent) = (key_pair(&sandbox, "ci"), key_pair(&sandbox, "agent"));
    let get = Request::Get(KeyInProfile { profile: "default", key: "db/a" });
    let stranger = KeyPair::generate().unwrap();
    for (key, at) in [
        (&agent, socket(&sandbox, "ci")),
        (&launcher, socket(&sandbox, "ci")),
        (&stranger, socket(&sandbox, "ci")),
        (&ci, socket(&sandbox, "agent")),
        (&ci, sandbox.socket()),
        (&agent, sandbox.socket()),
    ] {
        let answer = Stranger::at(&sandbox, key, &at).ask(&get);
        assert!(answer.contains("IdentityUnknown"), "{}: {answer}", at.display());
    }
}

#[test]
fn an_enrolment_outlives_the_daemon_and_a_client_starts_none() {
    let (sandbox, key) = granted();
    let used = || {
        let rows = sandbox.pds(["client", "list", "--json"]).ok();
        let rows: serde_json::Value = serde_json::from_slice(&rows).unwrap();
        assert_eq!(rows[0]["name"], "ci");
        assert_eq!(rows[0]["rules"][0]["keys"], "db/*");
        assert_eq!(rows[0]["fingerprint"].as_str().unwrap().len(), 32);
        rows[0]["last_used"].clone()
    };
    assert!(used().is_null());
    sandbox.stop();
    let get = || sandbox.pds(["get", "db/a", "--client-key", &key]).done();
    get().code(6).mentions("no daemon answers at").end();
    assert_eq!(sandbox.daemon_pid(), None);
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).ok();
    get().code(0).stdout("one").end();
    assert!(used().is_string());
}

#[test]
fn enrolling_and_revoking_are_on_record() {
    let sandbox = Sandbox::ready().vault("ops");
    let recorded = sandbox.recorded(|| {
        add(&sandbox, "ci", &["--grant", "default:db/*:get", "--grant", "ops:**:list,get"]);
        sandbox.pds(["client", "revoke", "ci"]).ok();
    });
    assert_eq!(recorded, ["client-add granted", "client-revoke granted"]);
    let lines = sandbox.audit();
    let [.., added, revoked] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&added["client"], &revoked["client"]), (&"ci".into(), &"ci".into()));
    assert_eq!(added["profiles"], serde_json::json!(["default", "ops"]));
    assert_eq!(added["keys"], serde_json::json!(["db/*", "**", "**"]));
}

#[test]
fn what_no_client_can_be_is_refused_and_leaves_no_file() {
    let sandbox = Sandbox::ready();
    let add = |words: &[&str]| sandbox.pds(["client", "add"].iter().chain(words)).done();
    for name in ["", "launcher", "a/b", "a.b", "../x", &"x".repeat(33)] {
        add(&[name]).code(2).mentions("can't be a client's name").end();
    }
    for grant in ["", "default", "default:db/*", "default:db/*:read", "a:b:c:get", "default:x:"] {
        add(&["ci", "--grant", grant]).code(2).mentions("PROFILE:KEYS:OPERATIONS").end();
    }
    for grant in ["a/b:db/*:get", "default::get", "default:a b:get"] {
        add(&["ci", "--grant", grant]).code(1).mentions("one of the grants").end();
    }
    sandbox.config("[acl.default.launcher]\nget = [\"db/*\"]\n");
    add(&["ci", "--grant", "default:**:get"]).code(5).end();
    let files = fs::read_dir(sandbox.path("w")).unwrap().count();
    assert_eq!(files, 0, "a key of nobody was left");
    fs::write(sandbox.path("w/ci.key"), "mine").unwrap();
    add(&["ci"]).code(1).mentions("exists already").end();
    assert_eq!(fs::read(sandbox.path("w/ci.key")).unwrap(), b"mine");
}

#[test]
fn a_file_that_is_no_key_of_a_client_is_not_used() {
    let (sandbox, key) = granted();
    let with = |file: &str| sandbox.pds(["get", "db/a", "--client-key", file]).done();
    let of_launcher = sandbox.home("data/launcher.key");
    let of_launcher = of_launcher.to_str().unwrap();
    with(of_launcher).code(1).mentions("is not the key of a client").end();
    with("/nonexistent").code(1).mentions("can't read `/nonexistent`").end();
    with("/dev/null").code(1).mentions("is not a regular file").end();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    with(&key).code(1).mentions("is open to other users").end();
}
