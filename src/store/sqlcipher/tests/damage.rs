//! A file that is cut, bent, missing, in the way or of a later format.

use std::os::unix::fs::symlink;

use super::*;

/// Opens a damaged copy: every answer has to be an error, or the truth.
fn never_wrong(sandbox: &Sandbox, damaged: &[u8], expected: &[(String, Vec<u8>)]) -> bool {
    fs::write(sandbox.path(), damaged).unwrap();
    let _ = fs::remove_file(sandbox.folder.path().join("vault.db-journal"));
    let Ok(store) = sandbox.open() else {
        return true;
    };
    let mut noticed = store.integrity_check().is_err();
    match store.keys() {
        Ok(keys) => assert_eq!(keys.len(), expected.len(), "a vault with less in it"),
        Err(_) => noticed = true,
    }
    for (key, value) in expected {
        match store.read(key) {
            Ok(read) => assert_eq!(read.expose(), value),
            Err(why) => {
                noticed = true;
                assert_ne!(why, StoreError::NotFound, "damage is no absence");
            }
        }
    }
    let _ = store.pragma_rekey_clear();
    noticed
}

#[test]
fn flipped_bits_and_cuts_never_give_a_wrong_value_nor_an_empty_vault() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    let expected: Vec<(String, Vec<u8>)> =
        (0..60).map(|n| (format!("key-{n:02}"), vec![n; 300])).collect();
    for (key, value) in &expected {
        put(&store, key, value).unwrap();
    }
    store.pragma_rekey_clear().unwrap();
    let whole = fs::read(sandbox.path()).unwrap();
    assert!(!never_wrong(&sandbox, &whole, &expected));
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..200 {
        let mut bent = whole.clone();
        let bit = xorshift(&mut state) % (bent.len() * 8);
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(never_wrong(&sandbox, &bent, &expected), "bit {bit} unnoticed");
    }
    for _ in 0..200 {
        let length = xorshift(&mut state) % whole.len();
        assert!(never_wrong(&sandbox, &whole[..length], &expected), "cut at {length} unnoticed");
    }
    let longer = [&whole[..], &[0; 4096]].concat();
    assert!(never_wrong(&sandbox, &longer, &expected));
}

#[test]
fn a_missing_empty_or_linked_database_is_never_made_anew() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.open().unwrap_err(), StoreError::Unreachable);
    assert!(!sandbox.path().exists());
    fs::write(sandbox.path(), b"").unwrap();
    assert!(matches!(sandbox.open().unwrap_err(), StoreError::Damaged { .. }));
    assert_eq!(fs::metadata(sandbox.path()).unwrap().len(), 0);
    fs::remove_file(sandbox.path()).unwrap();
    let elsewhere = Sandbox::new();
    drop(elsewhere.create());
    symlink(elsewhere.path(), sandbox.path()).unwrap();
    assert_eq!(sandbox.open().unwrap_err(), StoreError::Unreachable);
}

#[test]
fn creating_over_something_leaves_it_alone() {
    let sandbox = Sandbox::new();
    put(&sandbox.create(), "key", b"value").unwrap();
    let again = SqlCipherStore::create(&sandbox.path(), &sandbox.key, &profile("work"), [8; 16]);
    assert!(again.is_err());
    assert_eq!(sandbox.open().unwrap().read("key").unwrap().expose(), b"value");
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    raw(&store, |connection| {
        connection.execute("UPDATE meta SET value = 2 WHERE name = 'format'", ()).unwrap();
    });
    store.pragma_rekey_clear().unwrap();
    assert_eq!(sandbox.open().unwrap_err(), StoreError::Newer { version: 2 });
}
