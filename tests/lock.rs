//! After a lock has been acknowledged, nothing that was locked comes out.

use std::fs;

use crate::support::{Sandbox, until};

#[test]
fn locking_one_profile_leaves_the_other() {
    let sandbox = Sandbox::ready().vault("other");
    sandbox.set("k", "1").set_in("other", "k", "2");
    sandbox.pds(["lock", "-p", "other"]).ok();
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"1");
    sandbox.pds(["get", "k", "-p", "other", "--no-prompt"]).done().code(3).end();
    sandbox.pds(["lock"]).ok();
    sandbox.pds(["get", "k", "--no-prompt"]).done().code(3).end();
}

#[test]
fn locking_a_profile_that_there_is_not_is_an_error_with_and_without_a_daemon() {
    let sandbox = Sandbox::ready();
    let unknown = "pds: there is no vault for profile `defualt`\npds: hint: pds init -p defualt\n";
    let recorded = sandbox.recorded(|| {
        sandbox.pds(["lock", "-p", "defualt"]).done().code(4).says(unknown).end();
    });
    assert_eq!(recorded, ["lock failed profile-unknown"]);
    sandbox.pds(["list"]).ok();
    sandbox.stop();
    sandbox.pds(["lock", "-p", "defualt"]).done().code(4).says(unknown).end();
    sandbox.pds(["lock", "-p", "default"]).ok();
}

#[test]
fn a_locked_vault_is_unlocked_by_whichever_command_has_its_password() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "1").pds(["lock"]).ok();
    let password = sandbox.password("default");
    assert_eq!(sandbox.pds(["get", "k"]).env("PDS_PASSWORD_FILE", &password).ok(), b"1");
    sandbox.pds(["lock"]).ok();
    let script = "exec \"$PDS\" get k --password-file /dev/fd/5 5<../pw-default";
    assert_eq!(sandbox.sh(script).ok(), b"1");
}

#[test]
fn an_idle_profile_locks_by_itself() {
    let sandbox = Sandbox::ready();
    sandbox.config("[lifetimes]\nidle = \"1s\"\n");
    // Asking for the state is no use of a profile.
    until("the profile locks", || {
        let status: serde_json::Value =
            serde_json::from_slice(&sandbox.pds(["status", "--json"]).ok()).unwrap();
        status["profiles"][0]["unlocked_for_seconds"].is_null()
    });
    sandbox.pds(["list", "--no-prompt"]).done().code(3).end();
    assert!(fs::metadata(sandbox.socket()).is_ok());
}

#[test]
fn a_vault_that_damage_has_locked_is_called_damaged_and_not_locked() {
    let sandbox = Sandbox::ready();
    for n in 0..20 {
        sandbox.set(&format!("k/{n}"), "v".repeat(1_000));
    }
    sandbox.manifest("[secrets]\nK = \"k/1\"\n").stop();
    let path = sandbox.home("data/vaults/default/vault.db");
    let mut bytes = fs::read(&path).unwrap();
    // A page that opening the vault, and reading this value, need not read.
    let page = bytes.len() - 2 * 4_096;
    bytes[page] ^= 1;
    fs::write(&path, bytes).unwrap();
    let password = sandbox.password("default");
    let unlock = ["unlock", "--password-file", password.to_str().unwrap()];
    sandbox.pds(unlock).done().end();
    until("the damage is found", || sandbox.pds(["status"]).text().contains("damaged, and locked"));
    let recorded = sandbox.recorded(|| {
        let damaged = "pds: the vault of profile `default` is damaged\npds: hint: ";
        sandbox.pds(["get", "k/1", unlock[1], unlock[2]]).done().code(1).mentions(damaged).end();
        sandbox.pds(["run", "--", "true"]).done().code(125).mentions(damaged).end();
        sandbox.pds(unlock).done().code(1).mentions(damaged).end();
        sandbox.pds(["check"]).done().code(1).mentions(damaged).end();
    });
    assert_eq!(recorded[0], "get denied vault-damaged");
    assert!(recorded.iter().all(|line| line.ends_with("vault-damaged")), "{recorded:?}");
}
