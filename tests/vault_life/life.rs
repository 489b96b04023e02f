//! Another password, backups, older versions, expiry and long imports.

use std::fs;

use pds::{
    store::{Note, VaultError},
    wire::message::{
        Backup, Import, ImportEntry, ImportPart, Passwd, Plaintext, Reason, Request, RestoreBegin,
        RestoreCommit,
    },
};

use super::support::{
    Answer, PASSWORD, PROFILE, Sandbox, Session, close, copy_tree, error_of, wait_for,
};

const SECRETS: &[(&str, &[u8])] = &[("a", b"planted-value-one"), ("db/b", b"planted-value-two")];

fn passwd(session: &mut Session, old: &[u8], new: &[u8]) -> Option<Answer> {
    let (old, new) = (Plaintext(old), Plaintext(new));
    session.ask(&Request::Passwd(Passwd { profile: PROFILE, old, new }))
}

fn ready(sandbox: &Sandbox) -> Session {
    let mut session = sandbox.client();
    assert_eq!(session.unlock(PASSWORD), Some(Answer::Done));
    session
}

#[test]
fn another_password_opens_everything_and_the_old_one_nothing() {
    let sandbox = Sandbox::with_vault(SECRETS);
    let old_files = sandbox.root().join("old");
    copy_tree(&sandbox.vault().folder(), &old_files);
    let _daemon = sandbox.daemon();
    let mut session = ready(&sandbox);
    session.set("a", b"again").unwrap();
    let refused = passwd(&mut session, b"wrong", b"another");
    assert_eq!(refused, Some(Answer::Refused(Reason::WrongPassword)));
    assert_eq!(session.get("a"), Some(Answer::Value(b"again".to_vec())), "still unlocked");
    let tries = sandbox.home.state.join("tries").join(PROFILE);
    assert_eq!(fs::read_to_string(&tries).unwrap(), "1", "it counts as a failed try");
    let before = fs::read(sandbox.vault().folder().join("vault.db")).unwrap();
    assert_eq!(passwd(&mut session, PASSWORD, b"another"), Some(Answer::Done));
    assert!(!tries.exists());
    assert_eq!(session.get("a"), Some(Answer::Value(b"again".to_vec())), "unlocked as before");
    assert_eq!(sandbox.pds(&["get", "a", "--version", "1", "-p", PROFILE]).stdout, SECRETS[0].1);
    let after = fs::read(sandbox.vault().folder().join("vault.db")).unwrap();
    // No page of the old ciphertext is anywhere in the new file: the salt alone stays.
    assert!(before[16..].chunks(32).all(|piece| !after.windows(32).any(|found| found == piece)));
    assert_eq!(sandbox.leftovers(), Vec::<String>::new());
    session.ask(&Request::Lock(None)).unwrap();
    assert_eq!(session.unlock(PASSWORD), Some(Answer::Refused(Reason::WrongPassword)));
    assert_eq!(session.unlock(b"another"), Some(Answer::Done));
    session.ask(&Request::Lock(None)).unwrap();
    // The old files in their place open with the old password only if that is meant.
    fs::remove_dir_all(sandbox.vault().folder()).unwrap();
    copy_tree(&old_files, &sandbox.vault().folder());
    assert_eq!(sandbox.vault().unlock(PASSWORD, false).unwrap_err(), VaultError::NoteAltered);
    close(sandbox.vault().unlock(PASSWORD, true).unwrap());
}

#[test]
fn an_unusable_new_password_changes_nothing() {
    let sandbox = Sandbox::with_vault(SECRETS);
    let _daemon = sandbox.daemon();
    let mut session = ready(&sandbox);
    for unusable in [&b""[..], &[b'x'; 4097]] {
        let refused = passwd(&mut session, PASSWORD, unusable);
        assert_eq!(refused, Some(Answer::Refused(Reason::UnusablePassword)));
    }
    assert_eq!(session.keys(), ["a", "db/b"]);
}

#[test]
fn a_backup_from_one_machine_restores_on_another_with_the_password_alone() {
    let here = Sandbox::with_vault(SECRETS);
    let _daemon = here.daemon();
    let mut session = ready(&here);
    session.set("a", b"newer").unwrap();
    let output = here.pds(&["backup", "-p", PROFILE, "--list", "kept"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a\ndb/b\n", "{}", error_of(&output));
    assert!(error_of(&output).contains("wrote 2 secrets"));
    let file = fs::read(here.root().join("kept")).unwrap();
    for plain in [&b"planted-value"[..], b"newer", b"db/b"] {
        assert!(!file.windows(plain.len()).any(|found| found == plain));
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(here.root().join("kept")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let again = here.pds(&["backup", "-p", PROFILE, "kept"]);
    assert!(error_of(&again).contains("exists already"));
    assert_eq!(fs::read(here.root().join("kept")).unwrap(), file);
    let there = Sandbox::new();
    fs::copy(here.root().join("kept"), there.root().join("kept")).unwrap();
    let _other = there.daemon();
    let output = there.pds(&["restore", "--list", "kept"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a\ndb/b\n", "{}", error_of(&output));
    assert_eq!(there.client().get("a"), Some(Answer::Value(b"newer".to_vec())));
    let first = there.pds(&["get", "a", "--version", "1", "-p", PROFILE]);
    assert_eq!(first.stdout, SECRETS[0].1);
    assert!(there.client().ask(&Request::Lock(None)).is_some());
    assert_eq!(there.vault().unlock(PASSWORD, false).unwrap().note, Note::Same);
}

#[test]
fn a_restore_replaces_only_on_purpose_and_only_with_what_is_whole() {
    let sandbox = Sandbox::with_vault(SECRETS);
    let _daemon = sandbox.daemon();
    let mut session = ready(&sandbox);
    assert!(sandbox.pds(&["backup", "-p", PROFILE, "kept"]).status.success());
    session.set("a", b"newer").unwrap();
    let refused = sandbox.pds(&["restore", "kept"]);
    assert!(error_of(&refused).contains("has a vault already"));
    let whole = fs::read(sandbox.root().join("kept")).unwrap();
    let mut bent = whole.clone();
    bent[20_000] ^= 1;
    for (damaged, said) in [
        (&bent[..], "its checksum is wrong"),
        (&whole[..10_000], "cut off"),
        (&b"something else"[..], "is not a backup"),
    ] {
        sandbox.write("damaged", damaged);
        let refused = sandbox.pds(&["restore", "--replace", "damaged"]);
        assert!(error_of(&refused).contains(said), "{}", error_of(&refused));
    }
    sandbox.write("other", b"not the password");
    let refused = sandbox.pds(&["restore", "--replace", "kept", "--password-file", "other"]);
    assert!(error_of(&refused).contains("wrong password"));
    assert_eq!(session.get("a"), Some(Answer::Value(b"newer".to_vec())));
    let restored = sandbox.pds(&["restore", "--replace", "kept"]);
    assert!(restored.status.success(), "{}", error_of(&restored));
    assert_eq!(session.get("a"), Some(Answer::Value(SECRETS[0].1.to_vec())));
    assert_eq!(sandbox.leftovers(), Vec::<String>::new());
}

/// A page that was altered, and whose checksum somebody mended: only the vault's own MACs tell.
#[test]
fn a_forged_backup_is_found_out_before_anything_is_replaced() {
    let sandbox = Sandbox::with_vault(SECRETS);
    let folder = sandbox.vault().folder();
    let header = fs::read(folder.join("header")).unwrap();
    let whole = fs::read(folder.join("vault.db")).unwrap();
    let _daemon = sandbox.daemon();
    let mut session = ready(&sandbox);
    let mut bring = |header: &[u8], database: &[u8], announced: usize| {
        let begin = Request::RestoreBegin(RestoreBegin {
            profile: PROFILE,
            header: Plaintext(header),
            database_bytes: announced as u64,
            replace: true,
        });
        assert_eq!(session.ask(&begin), Some(Answer::Done));
        if let Some(refused @ Answer::Refused(_)) =
            session.ask(&Request::RestoreWrite(Plaintext(database)))
        {
            return refused;
        }
        let password = Plaintext(PASSWORD);
        session.ask(&Request::RestoreCommit(RestoreCommit { password })).unwrap()
    };
    let damaged = Answer::Refused(Reason::BackupDamaged);
    for page in 0..whole.len() / 4096 {
        let mut bent = whole.clone();
        bent[page * 4096 + 2000] ^= 1;
        assert_eq!(bring(&header, &bent, bent.len()), damaged, "page {page}");
    }
    assert_eq!(bring(&header, &whole, whole.len() + 1), damaged);
    assert_eq!(bring(&header, &whole, whole.len() - 1), damaged);
    assert_eq!(bring(b"no header", &whole, whole.len()), damaged);
    let other = Sandbox::with_vault(&[("x", b"y")]);
    let others = fs::read(other.vault().folder().join("vault.db")).unwrap();
    assert_eq!(bring(&header, &others, others.len()), damaged);
    assert_eq!(session.keys(), ["a", "db/b"]);
    assert_eq!(sandbox.leftovers(), Vec::<String>::new());
}

#[test]
fn a_backup_is_of_one_moment_while_writes_go_on() {
    let sandbox = Sandbox::with_vault(SECRETS);
    let _daemon = sandbox.daemon();
    let mut session = ready(&sandbox);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut writer = sandbox.client();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                // The two are always written in this order: never is `second` ahead.
                for key in ["first", "second"] {
                    let value = format!("{number}").repeat(300);
                    assert_eq!(writer.set(key, value.as_bytes()), Some(Answer::Done));
                }
                number += 1;
            }
        });
        wait_for("the first writes", || session.keys().len() == 4);
        for round in 0..5 {
            let name = format!("kept{round}");
            let output = sandbox.pds(&["backup", "-p", PROFILE, &name]);
            assert!(output.status.success(), "{}", error_of(&output));
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    for round in 0..5 {
        let there = Sandbox::new();
        fs::copy(sandbox.root().join(format!("kept{round}")), there.root().join("kept")).unwrap();
        let _daemon = there.daemon();
        assert!(there.pds(&["restore", "kept"]).status.success());
        let mut session = there.client();
        let mut number = |key| match session.get(key) {
            Some(Answer::Value(value)) => {
                let text = String::from_utf8(value).unwrap();
                text[..text.len() / 300].parse::<u64>().unwrap()
            }
            other => panic!("{other:?}"),
        };
        let (first, second) = (number("first"), number("second"));
        assert!(first == second || first == second + 1, "{first} {second}");
    }
}

#[test]
fn what_was_brought_goes_with_the_connection() {
    let sandbox = Sandbox::with_vault(SECRETS);
    let _daemon = sandbox.daemon();
    let mut session = ready(&sandbox);
    let begin = Request::RestoreBegin(RestoreBegin {
        profile: PROFILE,
        header: Plaintext(b"h"),
        database_bytes: 10,
        replace: true,
    });
    let mut other = sandbox.client();
    assert_eq!(other.ask(&begin), Some(Answer::Done));
    assert_eq!(sandbox.leftovers().len(), 1);
    drop(other);
    wait_for("the upload to go", || sandbox.leftovers().is_empty());
    // And nothing of it, nor of a copy, is known to another connection.
    let write = Request::RestoreWrite(Plaintext(b"piece"));
    assert_eq!(session.ask(&write), Some(Answer::Refused(Reason::TransferBroken)));
    let read = Request::Backup(Backup { profile: PROFILE, offset: Some(0), names: false });
    assert_eq!(session.ask(&read), Some(Answer::Refused(Reason::TransferBroken)));
    let commit = RestoreCommit { password: Plaintext(PASSWORD) };
    let commit = session.ask(&Request::RestoreCommit(commit));
    assert_eq!(commit, Some(Answer::Refused(Reason::TransferBroken)));
}

fn part<'b>(keys: &[&'b str], before: u32, last: bool) -> Request<'b> {
    let entry = |key: &&'b str| ImportEntry { key, value: Plaintext(b"imported") };
    let entries = keys.iter().map(entry).collect();
    let import = Import { profile: PROFILE, entries, overwrite: false };
    Request::ImportPart(ImportPart { import, before, last })
}

#[test]
fn an_import_in_parts_is_all_or_nothing() {
    let sandbox = Sandbox::with_vault(SECRETS);
    let _daemon = sandbox.daemon();
    let mut session = ready(&sandbox);
    assert_eq!(session.ask(&part(&["x"], 0, false)), Some(Answer::Done));
    assert_eq!(session.keys(), ["a", "db/b"], "nothing before the last part");
    assert_eq!(session.ask(&part(&["y", "a"], 1, true)), Some(Answer::Refused(Reason::Exists)));
    assert_eq!(session.keys(), ["a", "db/b"]);
    // A part that was lost with an earlier connection is missed.
    assert_eq!(session.ask(&part(&["x"], 0, false)), Some(Answer::Done));
    let mut other = sandbox.client();
    let broken = Some(Answer::Refused(Reason::TransferBroken));
    assert_eq!(other.ask(&part(&["y"], 1, true)), broken);
    // So is one that another unlocking sealed.
    session.ask(&Request::Lock(None)).unwrap();
    assert_eq!(session.unlock(PASSWORD), Some(Answer::Done));
    assert_eq!(session.ask(&part(&["y"], 1, true)), broken);
    assert_eq!(session.ask(&part(&["x"], 0, false)), Some(Answer::Done));
    assert_eq!(session.ask(&part(&["y"], 1, true)), Some(Answer::Done));
    assert_eq!(session.keys(), ["a", "db/b", "x", "y"]);
    assert_eq!(session.get("x"), Some(Answer::Value(b"imported".to_vec())));
}

#[test]
fn a_file_of_many_messages_is_imported_whole() {
    const COUNT: usize = 10_000;
    let sandbox = Sandbox::with_vault(SECRETS);
    let _daemon = sandbox.daemon();
    let _session = ready(&sandbox);
    let text: String = (0..COUNT).map(|n| format!("KEY_{n:05}=value of {n}\n")).collect();
    sandbox.write("many.env", text.as_bytes());
    let output = sandbox.pds(&["import", "many.env", "-p", PROFILE]);
    assert!(output.status.success(), "{}", error_of(&output));
    assert_eq!(error_of(&output), "pds: stored 10000 secrets in profile `work`\n");
    let mut session = sandbox.client();
    assert_eq!(session.keys().len(), COUNT + 2);
    for n in [0, 4_095, 4_096, 8_192, COUNT - 1] {
        let value = format!("value of {n}").into_bytes();
        assert_eq!(session.get(&format!("KEY_{n:05}")), Some(Answer::Value(value)));
    }
}

#[test]
fn older_versions_are_listed_read_and_brought_back_and_go_with_the_key() {
    let sandbox = Sandbox::with_vault(&[]);
    let _daemon = sandbox.daemon();
    let mut session = ready(&sandbox);
    for value in [&b"one"[..], b"two", b"three"] {
        session.set("k", value).unwrap();
    }
    let run = |arguments: &[&str]| sandbox.pds(&[arguments, &["-p", PROFILE]].concat());
    let json = |output: std::process::Output| -> serde_json::Value {
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let history = json(run(&["history", "k", "--json"]));
    let versions: Vec<u64> =
        history.as_array().unwrap().iter().map(|row| row["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, [3, 2, 1]);
    assert_eq!((&history[0]["current"], &history[2]["by"]), (&true.into(), &"launcher".into()));
    assert!(!history.to_string().contains("one"));
    assert_eq!(run(&["get", "k", "--version", "1"]).stdout, b"one");
    let missing = run(&["get", "k", "--version", "7"]);
    assert_eq!(missing.status.code(), Some(4));
    assert!(error_of(&missing).contains("no version 7"));
    assert!(run(&["rollback", "k", "--to", "1"]).status.success());
    assert_eq!(session.get("k"), Some(Answer::Value(b"one".to_vec())), "not the cached one");
    assert!(run(&["rename", "k", "renamed"]).status.success());
    assert_eq!(json(run(&["history", "renamed", "--json"])).as_array().unwrap().len(), 4);
    assert!(run(&["delete", "renamed"]).status.success());
    assert_eq!(run(&["history", "renamed"]).status.code(), Some(4));
    assert_eq!(run(&["get", "renamed", "--version", "1"]).status.code(), Some(4));
}

#[test]
fn what_expires_is_told_by_status_list_and_check_and_never_while_locked() {
    let sandbox = Sandbox::with_vault(&[]);
    let _daemon = sandbox.daemon();
    let _session = ready(&sandbox);
    let run = |arguments: &[&str]| sandbox.pds(&[arguments, &["-p", PROFILE]].concat());
    for (key, when) in [("soon", "5d"), ("later", "90d"), ("never", "")] {
        let mut arguments = vec!["set", key, "--generate"];
        arguments.extend(if when.is_empty() { vec![] } else { vec!["--expires", when] });
        assert!(run(&arguments).status.success());
    }
    let refused = run(&["set", "k", "--generate", "--expires", "soon"]);
    assert_eq!(refused.status.code(), Some(2));
    let status = || -> serde_json::Value {
        let output = sandbox.pds(&["status", "--json"]);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["profiles"][0].clone()
    };
    assert_eq!((&status()["expired"], &status()["expiring"]), (&0.into(), &1.into()));
    assert!(run(&["rename", "soon", "renamed"]).status.success());
    assert_eq!(status()["expiring"], 1, "a rename keeps it");
    sandbox.write("pds.toml", b"pds = 1\n[secrets]\nA = \"renamed\"\nB = \"later\"\n");
    assert!(run(&["allow"]).status.success());
    let checked = run(&["check"]);
    assert!(checked.status.success());
    assert!(error_of(&checked).contains("`renamed` in profile `work`: expires in 4 days"));
    assert!(!error_of(&checked).contains("later"));
    assert!(sandbox.pds(&["lock"]).status.success());
    assert_eq!(
        (&status()["expired"], &status()["expiring"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
}
