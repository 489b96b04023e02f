//! What is in a vault's files, and what is said when they are
//! not whole. Never a wrong value, never an empty vault.

use std::{fs, os::unix::fs::PermissionsExt, os::unix::fs::symlink};

use crate::support::{Outcome, Sandbox, until};

/// With a vault that is locked, so that its files can be tampered with.
fn at_rest() -> Sandbox {
    let sandbox = Sandbox::ready();
    sandbox.set("db/password", "the value that was stored");
    sandbox.stop();
    sandbox
}

fn unlock(sandbox: &Sandbox) -> Outcome {
    let password = sandbox.password("default");
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).done()
}

fn file(sandbox: &Sandbox, name: &str) -> std::path::PathBuf {
    sandbox.home("data/vaults/default").join(name)
}

#[test]
fn neither_values_nor_names_are_in_any_file() {
    let sandbox = at_rest();
    let found = sandbox.sh("grep -rlE 'that was stored|db/password' ../p/data ../p/state/generations ../p/state/log").done();
    found.code(1).stdout("").end();
}

#[test]
fn a_wrong_password_is_told_from_damage_and_from_a_missing_vault() {
    let sandbox = at_rest();
    let wrong = sandbox.password("other");
    let wrong = ["unlock", "--password-file", wrong.to_str().unwrap()];
    sandbox.pds(wrong).done().code(1).says("pds: wrong password for profile `default`\n").end();
    sandbox
        .pds(["unlock", "-p", "nowhere", "--password-file", wrong[2]])
        .done()
        .code(4)
        .says("pds: there is no vault for profile `nowhere`\npds: hint: pds init -p nowhere\n")
        .end();
    unlock(&sandbox).code(0).end();
}

#[test]
fn each_kind_of_damage_has_its_own_words_and_nothing_is_made_anew() {
    type Damage = (&'static str, fn(&Sandbox), &'static str);
    let damages: [Damage; 9] = [
        ("no database", |s| fs::remove_file(file(s, "vault.db")).unwrap(), "has lost its database"),
        ("no header", |s| fs::remove_file(file(s, "header")).unwrap(), "has lost its header"),
        ("empty database", |s| fs::write(file(s, "vault.db"), "").unwrap(), "is damaged"),
        ("cut database", |s| cut(s, "vault.db"), "is damaged"),
        ("cut header", |s| cut(s, "header"), "is damaged"),
        ("flipped header", |s| flip(s, "header", 40), "is damaged"),
        ("flipped database", |s| flip(s, "vault.db", 300), "is damaged"),
        ("open to others", |s| open(s), "is a link, or open to other users"),
        ("linked", |s| link(s), "is a link, or open to other users"),
    ];
    for (name, damage, words) in damages {
        let sandbox = at_rest();
        damage(&sandbox);
        let before = fs::read(file(&sandbox, "header")).ok();
        unlock(&sandbox).code(1).mentions(words).mentions("pds: hint: ").end();
        assert_eq!(fs::read(file(&sandbox, "header")).ok(), before, "{name}: no new salt");
        let password = sandbox.password("default");
        let init = ["init", "--password-file", password.to_str().unwrap()];
        sandbox.pds(init).cwd(sandbox.path("i")).done().mentions("were there already").end();
        assert_eq!(fs::read(file(&sandbox, "header")).ok(), before, "{name}: nothing made anew");
    }
}

#[test]
fn damage_in_a_page_that_unlocking_does_not_read_is_found_beside_serving_and_locks() {
    let sandbox = Sandbox::ready();
    for n in 0..200 {
        sandbox.set(&format!("k/{n}"), [n as u8; 200]);
    }
    sandbox.stop();
    let len = fs::metadata(file(&sandbox, "vault.db")).unwrap().len();
    flip(&sandbox, "vault.db", usize::try_from(len).unwrap() - 2_000);
    if unlock(&sandbox).status() == 0 {
        until("it locks", || {
            let status = sandbox.pds(["status"]).text();
            status.contains("default: damaged, and locked")
        });
    }
}

fn cut(sandbox: &Sandbox, name: &str) {
    let bytes = fs::read(file(sandbox, name)).unwrap();
    fs::write(file(sandbox, name), &bytes[..bytes.len() / 2]).unwrap();
}

fn flip(sandbox: &Sandbox, name: &str, at: usize) {
    let mut bytes = fs::read(file(sandbox, name)).unwrap();
    bytes[at] ^= 1;
    fs::write(file(sandbox, name), bytes).unwrap();
}

fn open(sandbox: &Sandbox) {
    fs::set_permissions(file(sandbox, "header"), fs::Permissions::from_mode(0o644)).unwrap();
}

fn link(sandbox: &Sandbox) {
    let elsewhere = sandbox.path("elsewhere");
    fs::rename(file(sandbox, "vault.db"), &elsewhere).unwrap();
    symlink(elsewhere, file(sandbox, "vault.db")).unwrap();
}

#[test]
fn an_older_copy_is_noticed_and_taken_only_on_purpose() {
    let sandbox = at_rest();
    let older = fs::read(file(&sandbox, "vault.db")).unwrap();
    unlock(&sandbox).code(0).end();
    sandbox.set("db/password", "a newer value").stop();
    fs::write(file(&sandbox, "vault.db"), older).unwrap();
    unlock(&sandbox)
        .code(1)
        .mentions("is older than the one seen last")
        .mentions("--accept-older")
        .end();
    let password = sandbox.password("default");
    let accept = ["unlock", "--accept-older", "--password-file", password.to_str().unwrap()];
    assert_eq!(sandbox.recorded(|| drop(sandbox.pds(accept).ok())), ["unlock-older granted"]);
    assert_eq!(sandbox.pds(["get", "db/password"]).ok(), b"the value that was stored");
}

#[test]
fn a_wrong_password_leaves_what_is_unlocked_as_it_is() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v");
    let wrong = sandbox.password("other");
    sandbox.pds(["unlock", "--password-file", wrong.to_str().unwrap()]).done().code(1).end();
    assert_eq!(sandbox.pds(["get", "k"]).ok(), b"v");
}

#[test]
fn another_profiles_database_is_not_this_ones() {
    let sandbox = Sandbox::ready().vault("other");
    sandbox.set("k", "mine").set_in("other", "k", "theirs").stop();
    let other = sandbox.home("data/vaults/other/vault.db");
    fs::copy(other, file(&sandbox, "vault.db")).unwrap();
    unlock(&sandbox).code(1).mentions("belongs to another vault").end();
}

#[test]
fn wrong_passwords_are_counted_through_a_restart_and_forgiven_by_the_right_one() {
    let sandbox = at_rest();
    let wrong = sandbox.password("other");
    let tries = || fs::read_to_string(sandbox.home("state/tries/default")).unwrap_or_default();
    for count in 1..=3 {
        sandbox.pds(["unlock", "--password-file", wrong.to_str().unwrap()]).done().code(1).end();
        sandbox.stop();
        assert_eq!(tries(), count.to_string());
    }
    unlock(&sandbox).code(0).end();
    assert_eq!(tries(), "");
}

/// Unlocks `default` with the password of `profile`.
fn unlock_with(sandbox: &Sandbox, profile: &str) -> Outcome {
    let password = sandbox.password(profile);
    sandbox.pds(["unlock", "--password-file", password.to_str().unwrap()]).done()
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
fn a_wrong_password_leaves_the_profile_locked() {
    let sandbox = Sandbox::ready();
    sandbox.set("k", "v").pds(["lock"]).ok();
    unlock_with(&sandbox, "wrong").code(1).end();
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
        unlock_with(&sandbox, "default").code(0).end();
        assert_eq!(sandbox.pds(["get", "k"]).text(), n.to_string());
    }
}
