//! What happens to a vault's files, and what is said of it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use pds::store::{StoreError, VaultError};

use super::support::{CHEAP, Dice, PASSWORD, PROFILE, Sandbox, bytes, close, copy_tree, error_of};

const CHANGES: usize = 200;

/// Unlocks a damaged copy. Whether the damage was noticed; a wrong answer fails the test.
fn noticed(sandbox: &Sandbox, expected: &[(String, Vec<u8>)]) -> bool {
    let unlocked = match sandbox.vault().unlock(PASSWORD, false) {
        Ok(unlocked) => unlocked,
        Err(error) => {
            let told = matches!(
                error,
                VaultError::Damaged { .. } | VaultError::OtherVault | VaultError::WentBack { .. }
            );
            assert!(told, "{error:?}");
            return true;
        }
    };
    // What a daemon runs beside serving, and locks on.
    let mut noticed = unlocked.store.integrity_check().is_err();
    match unlocked.store.keys() {
        Ok(keys) => assert_eq!(keys.len(), expected.len(), "a vault with less in it"),
        Err(_) => noticed = true,
    }
    for (key, value) in expected {
        match unlocked.store.read(key) {
            Ok(read) => assert!(read.ct_eq(value), "{key} has another value"),
            Err(StoreError::NotFound) => panic!("damage is no absence"),
            Err(_) => noticed = true,
        }
    }
    let _ = unlocked.store.pragma_rekey_clear();
    noticed
}

fn put_back(sandbox: &Sandbox, database: &[u8]) {
    let folder = sandbox.vault().folder();
    fs::write(folder.join("vault.db"), database).unwrap();
    let _ = fs::remove_file(folder.join("vault.db-journal"));
}

#[test]
fn flipped_bits_and_cuts_are_told_and_never_give_a_wrong_value() {
    let expected: Vec<(String, Vec<u8>)> =
        (0..40).map(|n| (format!("key-{n:02}"), vec![n; 300])).collect();
    let borrowed: Vec<(&str, &[u8])> =
        expected.iter().map(|(key, value)| (key.as_str(), value.as_slice())).collect();
    let sandbox = Sandbox::with_vault(&borrowed);
    let whole = fs::read(sandbox.vault().folder().join("vault.db")).unwrap();
    let notes = sandbox.home.state.join("generations");
    let kept = sandbox.root().join("kept");
    copy_tree(&notes, &kept);
    let mut dice = Dice::new(0x9e37_79b9_7f4a_7c15);
    for _ in 0..CHANGES {
        let mut bent = whole.clone();
        let bit = dice.below(bent.len() * 8);
        bent[bit / 8] ^= 1 << (bit % 8);
        put_back(&sandbox, &bent);
        assert!(noticed(&sandbox, &expected), "bit {bit} unnoticed");
        // Opening may have noted a later generation.
        copy_tree(&kept, &notes);
    }
    for _ in 0..CHANGES {
        let length = dice.below(whole.len());
        put_back(&sandbox, &whole[..length]);
        assert!(noticed(&sandbox, &expected), "cut at {length} unnoticed");
        copy_tree(&kept, &notes);
    }
    put_back(&sandbox, &whole);
    assert!(!noticed(&sandbox, &expected), "and whole it opens");
}

#[test]
fn a_journal_of_garbage_changes_nothing() {
    let sandbox = Sandbox::with_vault(&[("a", b"1")]);
    let journal = sandbox.vault().folder().join("vault.db-journal");
    let mut dice = Dice::new(7);
    for length in [1, 27, 28, 512, 513, 5000, 40_000] {
        let garbage: Vec<u8> = (0..length).map(|_| dice.below(256) as u8).collect();
        fs::write(&journal, garbage).unwrap();
        fs::set_permissions(&journal, fs::Permissions::from_mode(0o600)).unwrap();
        let unlocked = sandbox.vault().unlock(PASSWORD, false).unwrap();
        assert!(unlocked.integrity_checked, "a journal is a write that was cut off");
        assert!(unlocked.store.read("a").unwrap().ct_eq(b"1"));
        close(unlocked);
    }
}

/// A way to damage a vault's folder, and what the program has to say of it.
type Case = (&'static str, fn(&Sandbox, &Path), &'static str);

const CASES: &[Case] = &[
    (
        "no database",
        |_, folder| fs::remove_file(folder.join("vault.db")).unwrap(),
        "has lost its database",
    ),
    (
        "an empty database",
        |_, folder| fs::write(folder.join("vault.db"), b"").unwrap(),
        "is damaged",
    ),
    ("a cut database", |_, folder| cut(&folder.join("vault.db")), "is damaged"),
    ("another vault's database", others_database, "belongs to another vault"),
    ("an older copy", older_copy, "is older than the one seen last"),
    (
        "no header",
        |_, folder| fs::remove_file(folder.join("header")).unwrap(),
        "has lost its header",
    ),
    ("a cut header", |_, folder| cut(&folder.join("header")), "is damaged"),
    ("an empty header", |_, folder| fs::write(folder.join("header"), b"").unwrap(), "is damaged"),
    ("a later header", later_header, "was made by a newer version of pds"),
    ("a header open to others", open_header, "open to other users"),
    ("another password's header", others_header, "wrong password"),
    ("no vault", |_, folder| fs::remove_dir_all(folder).unwrap(), "there is no vault"),
];

fn cut(path: &Path) {
    let whole = fs::read(path).unwrap();
    fs::write(path, &whole[..whole.len() / 2]).unwrap();
}

fn others_database(sandbox: &Sandbox, folder: &Path) {
    let other = sandbox.vault_of("other");
    close(other.create(PASSWORD, &CHEAP, None).unwrap());
    fs::copy(other.folder().join("vault.db"), folder.join("vault.db")).unwrap();
}

fn older_copy(sandbox: &Sandbox, folder: &Path) {
    let older = fs::read(folder.join("vault.db")).unwrap();
    let unlocked = sandbox.vault().unlock(PASSWORD, false).unwrap();
    unlocked.store.put(&pds::store::Put::new("a", &bytes(b"newer"))).unwrap();
    close(unlocked);
    fs::write(folder.join("vault.db"), older).unwrap();
}

fn later_header(_: &Sandbox, folder: &Path) {
    let text = fs::read_to_string(folder.join("header")).unwrap();
    let body = text[..text.find("sum ").unwrap()].replace("pds-vault 1", "pds-vault 2");
    fs::write(folder.join("header"), format!("{body}sum {}\n", blake3::hash(body.as_bytes())))
        .unwrap();
}

fn open_header(_: &Sandbox, folder: &Path) {
    fs::set_permissions(folder.join("header"), fs::Permissions::from_mode(0o644)).unwrap();
}

fn others_header(sandbox: &Sandbox, folder: &Path) {
    let other = sandbox.vault_of("other");
    close(other.create(b"not this one", &CHEAP, None).unwrap());
    fs::copy(other.folder().join("header"), folder.join("header")).unwrap();
}

#[test]
fn each_damage_is_told_apart_and_nothing_is_made_anew() {
    for (name, damage, said) in CASES {
        let sandbox = Sandbox::with_vault(&[("a", b"1")]);
        let folder = sandbox.vault().folder();
        damage(&sandbox, &folder);
        let before = listing(&folder);
        let _daemon = sandbox.daemon();
        let output = sandbox.pds(&["unlock", "-p", PROFILE]);
        let error = error_of(&output);
        assert_ne!(output.status.code(), Some(0), "{name}");
        assert!(error.contains(said), "{name}: {error}");
        assert_eq!(listing(&folder), before, "{name}: nothing in its place was changed");
    }
}

fn listing(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut all: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    all.sort();
    all
}
