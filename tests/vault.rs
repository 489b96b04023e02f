//! What is stored comes back; what is not whole is told apart; K-04 and K-05.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::support::{Outcome, Sandbox};

#[test]
fn values_come_back_byte_for_byte_however_they_were_given() {
    let sandbox = Sandbox::ready();
    let value: Vec<u8> = (0..=255).chain([b'\n', 0, b'\n']).collect();
    sandbox.set("a", &value);
    assert_eq!(sandbox.pds(["get", "a"]).ok(), value);
    fs::write(sandbox.path("w/file"), &value).unwrap();
    sandbox.pds(["set", "b", "--from-file", "file"]).ok();
    assert_eq!(sandbox.pds(["get", "b"]).ok(), value);
    sandbox.set("empty", "");
    assert_eq!(sandbox.pds(["get", "empty"]).ok(), b"");
    for (form, len) in [("", 64), ("=hex:8", 16), ("=base64:30", 40), ("=base64url:30", 40)] {
        sandbox.pds(["set", "made", &format!("--generate{form}")]).ok();
        let made = sandbox.pds(["get", "made"]).ok();
        assert_eq!(made.len(), len, "{form}");
        sandbox.pds(["set", "made", &format!("--generate{form}")]).ok();
        assert_ne!(sandbox.pds(["get", "made"]).ok(), made);
    }
    sandbox.pds(["set", "made", "--generate=hex:1"]).done().code(2).end();
}

#[test]
fn a_mebibyte_fits_and_one_byte_more_is_refused() {
    let sandbox = Sandbox::ready();
    let longest = vec![b'x'; 1 << 20];
    sandbox.set("k", &longest);
    assert!(sandbox.pds(["get", "k"]).ok() == longest);
    let longer = sandbox.pds(["set", "k", "--stdin"]).input(vec![b'y'; (1 << 20) + 1]).done();
    longer.code(1).says("pds: a value has at most 1 MiB\n").end();
    assert!(sandbox.pds(["get", "k"]).ok() == longest);
}

#[test]
fn json_holds_what_the_bytes_hold() {
    let sandbox = Sandbox::ready();
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_slice(&sandbox.pds(arguments).ok()).unwrap()
    };
    sandbox.set("text", "a\"b\\\n\té\u{1}");
    assert_eq!(json(&["get", "text", "--json"])["value"], "a\"b\\\n\té\u{1}");
    sandbox.set("bytes", b"\xff\xfe");
    assert_eq!(json(&["get", "bytes", "--json"])["base64"], "//4=");
    sandbox.set("bytes", "again");
    let list = json(&["list", "--json"]);
    let rows: Vec<_> = list.as_array().unwrap().iter().map(|r| (&r["key"], &r["version"])).collect();
    assert_eq!(rows, [(&"bytes".into(), &2.into()), (&"text".into(), &1.into())]);
    assert!(list[0]["created"].as_str().unwrap() <= list[0]["updated"].as_str().unwrap());
    let status = json(&["status", "--json"]);
    assert_eq!(status["profiles"][0]["profile"], "default");
    assert!(status["profiles"][0]["unlocked_for_seconds"].as_u64().unwrap() > 0);
    assert!(sandbox.pds(["status"]).text().contains("profile    default: unlocked for "));
}

#[test]
fn keys_are_listed_renamed_and_deleted() {
    let sandbox = Sandbox::ready();
    sandbox.set("b", "1").set("a/x", "2").set("c", "3");
    assert_eq!(sandbox.pds(["list"]).text(), "a/x\nb\nc\n");
    sandbox.pds(["rename", "b", "d"]).ok();
    let onto = sandbox.pds(["rename", "c", "d"]).done().code(1);
    onto.mentions("pds: `d` exists already in profile `default`\n").end();
    sandbox.pds(["rename", "gone", "e"]).done().code(4).mentions("no `gone`").end();
    assert_eq!(sandbox.pds(["get", "d"]).ok(), b"1");
    assert_eq!(sandbox.pds(["get", "c"]).ok(), b"3");
    sandbox.pds(["rm", "c"]).ok();
    sandbox.pds(["delete", "c"]).done().code(4).end();
    sandbox.pds(["get", "c"]).done().code(4).stdout("").end();
    assert_eq!(sandbox.pds(["ls"]).text(), "a/x\nd\n");
}

#[test]
fn exit_statuses_tell_what_kind_of_no_it_is() {
    let sandbox = Sandbox::ready();
    let status = |arguments: &[&str]| sandbox.pds(arguments).done().status();
    assert_eq!(status(&["list"]), 0);
    assert_eq!(status(&["set", "k", "--no-prompt"]), 1);
    for usage in
        [&["frobnicate"][..], &[], &["get"], &["get", "a b"], &["get", "k", "-p", "../x"]]
    {
        assert_eq!(status(usage), 2, "{usage:?}");
    }
    assert_eq!(status(&["get", "k"]), 4);
    assert_eq!(status(&["list", "-p", "nowhere"]), 4);
    sandbox.pds(["lock"]).ok();
    assert_eq!(status(&["list", "--no-prompt"]), 3);
    assert_eq!(sandbox.pds(["list"]).env("PDS_NO_PROMPT", "1").done().status(), 3);
    assert_eq!(status(&["--help"]), 0);
    assert_eq!(status(&["--version"]), 0);
}

#[test]
fn init_makes_a_vault_once_and_an_approved_manifest() {
    let sandbox = Sandbox::new();
    let password = sandbox.password("default");
    let init = ["init", "--password-file", password.to_str().unwrap()];
    sandbox.pds(init).done().code(0).mentions("made a vault for profile `default`").end();
    sandbox.pds(["run", "--", "true"]).ok();
    sandbox.set("k", "v");
    sandbox.pds(init).done().code(0).mentions("were there already").end();
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
}

#[test]
fn the_files_of_a_vault_show_neither_values_nor_names() {
    let sandbox = Sandbox::ready();
    sandbox.set("telltale/name", "telltale-value").stop();
    for entry in fs::read_dir(sandbox.home("data/vaults/default")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"telltale"));
    }
}

fn unlock(sandbox: &Sandbox, profile: &str) -> Outcome {
    let password = sandbox.password(profile);
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).done()
}

#[test]
fn what_is_wrong_with_a_vault_is_told_apart_and_nothing_is_changed() {
    let sandbox = Sandbox::ready().vault("other");
    sandbox.set("k", "v").set_in("other", "k", "other").stop();
    let folder = sandbox.home("data/vaults/default");
    let (header, database) = (folder.join("header"), folder.join("vault.db"));
    let (good_header, good_database) = (fs::read(&header).unwrap(), fs::read(&database).unwrap());
    let refused = |message: &str| {
        let outcome = unlock(&sandbox, "default").code(1);
        outcome.mentions(&format!("pds: {message}\n")).end();
        sandbox.stop();
    };
    let whole = "of profile `default`";
    unlock(&sandbox, "wrong").code(1).says("pds: wrong password for profile `default`\n").end();
    sandbox.stop();
    for at in [0, 10, good_header.len() / 2, good_header.len() - 1] {
        let mut bytes = good_header.clone();
        bytes[at] ^= 1;
        fs::write(&header, bytes).unwrap();
        let outcome = unlock(&sandbox, "default").code(1);
        let said = outcome.stderr();
        assert!(said.contains("damaged") || said.contains("newer version"), "{at}: {said}");
        sandbox.stop();
    }
    fs::write(&header, &good_header[..good_header.len() / 2]).unwrap();
    let outcome = unlock(&sandbox, "default").code(1);
    outcome.mentions("damaged").end();
    sandbox.stop();
    fs::remove_file(&header).unwrap();
    refused(&format!("the vault {whole} has lost its header"));
    fs::write(&header, &good_header).unwrap();
    fs::set_permissions(&header, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(&database).unwrap();
    refused(&format!("the vault {whole} has lost its database"));
    fs::write(&database, b"").unwrap();
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).unwrap();
    unlock(&sandbox, "default").code(1).end();
    sandbox.stop();
    fs::copy(sandbox.home("data/vaults/other/vault.db"), &database).unwrap();
    let foreign = unlock(&sandbox, "default").code(1);
    assert!(!foreign.stderr().contains("wrong password"), "{}", foreign.stderr());
    sandbox.stop();
    fs::write(&database, &good_database).unwrap();
    fs::set_permissions(&header, fs::Permissions::from_mode(0o644)).unwrap();
    let open = unlock(&sandbox, "default").code(1);
    open.mentions("is a link, or open to other users").end();
    fs::set_permissions(&header, fs::Permissions::from_mode(0o600)).unwrap();
    unlock(&sandbox, "default").code(0).end();
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
}

#[test]
fn an_older_copy_of_a_vault_is_taken_only_on_purpose() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "old").stop();
    let database = sandbox.home("data/vaults/default/vault.db");
    let old = fs::read(&database).unwrap();
    unlock(&sandbox, "default").code(0).end();
    sandbox.set("k", "new").stop();
    fs::write(&database, old).unwrap();
    let back = unlock(&sandbox, "default").code(1);
    back.mentions("is older than the one seen last\npds: hint: ").mentions("--accept-older").end();
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--accept-older", "--password-file", password.to_str().unwrap()]).ok();
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"old");
}

#[test]
fn wrong_passwords_are_counted_across_a_stop_until_the_right_one() {
    let sandbox = Sandbox::ready();
    let count = || fs::read_to_string(sandbox.home("state/tries/default")).ok();
    assert_eq!(count(), None);
    for n in 1..=2 {
        sandbox.pds(["lock"]).ok();
        unlock(&sandbox, "wrong").code(1).end();
        assert_eq!(count().unwrap().trim(), n.to_string());
    }
    sandbox.stop();
    unlock(&sandbox, "wrong").code(1).end();
    assert_eq!(count().unwrap().trim(), "3");
    unlock(&sandbox, "default").code(0).end();
    assert_eq!(count(), None);
}

#[test]
fn a_wrong_password_does_not_reach_what_is_unlocked_already_nor_open_it() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").pds(["lock"]).ok();
    unlock(&sandbox, "wrong").code(1).end();
    sandbox.pds(["get", "k", "--no-prompt"]).done().code(3).end();
}

#[test]
fn an_acknowledged_value_survives_a_killed_daemon() {
    let sandbox = Sandbox::ready();
    for n in 0..3 {
        sandbox.set("k", n.to_string());
        let pid = sandbox.daemon_pid().unwrap();
        sandbox.program("kill", ["-9", &pid.to_string()]).ok();
        crate::support::until("it is gone", || sandbox.daemon_pid().is_none());
        unlock(&sandbox, "default").code(0).end();
        assert_eq!(sandbox.pds(["get", "k"]).text(), n.to_string());
    }
}
