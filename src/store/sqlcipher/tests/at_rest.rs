//! What whoever reads the files of a vault, or writes its rows, gets out of it: nothing.

use std::collections::HashSet;

use rusqlite::params;

use super::*;
use crate::crypto::NONCE_BYTES;

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn no_value_and_no_key_name_is_in_any_file() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    for n in 0..50 {
        put(&store, &format!("planted/key-name-{n}"), b"planted value, in the clear").unwrap();
    }
    store.rename("planted/key-name-7", "planted/other-name").unwrap();
    store.remove("planted/key-name-8").unwrap();
    store.approvals_put("/home/planted/manifest", 0, b"planted items").unwrap();
    let open = sandbox.files();
    store.pragma_rekey_clear().unwrap();
    for files in [open, sandbox.files()] {
        for planted in [&b"planted"[..], b"SQLite format 3", b"secrets_times", b"work"] {
            assert!(!holds(&files, planted), "{}", String::from_utf8_lossy(planted));
        }
    }
}

#[test]
fn one_key_opens_no_other_vault_and_leaves_it_as_it_was() {
    let sandbox = Sandbox::new();
    put(&sandbox.create(), "key", b"value").unwrap();
    let before = fs::read(sandbox.path()).unwrap();
    let answer = SqlCipherStore::open(&sandbox.path(), &bytes(&[0x43; 32]));
    assert!(matches!(answer.unwrap_err(), StoreError::Damaged { .. }));
    assert_eq!(fs::read(sandbox.path()).unwrap(), before);
    assert_eq!(sandbox.open().unwrap().read("key").unwrap().expose(), b"value");
}

#[test]
fn the_journal_is_0600_while_it_is_written() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    store
        .with(|database| {
            database.write(|transaction, _| {
                transaction.execute_batch("UPDATE meta SET value = 1 WHERE name = 'clean'")?;
                for entry in fs::read_dir(sandbox.folder.path()).unwrap() {
                    let entry = entry.unwrap();
                    let mode = entry.metadata().unwrap().permissions().mode();
                    assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
                }
                Ok(())
            })
        })
        .unwrap();
    assert_eq!(fs::read_dir(sandbox.folder.path()).unwrap().count(), 2);
}

#[test]
fn ten_thousand_stored_nonces_are_all_different() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    let value = bytes(b"the same value");
    let keys: Vec<String> = (0..5000).map(|n| format!("k{n}")).collect();
    let entries: Vec<Put<'_>> = keys.iter().map(|key| Put::new(key, &value)).collect();
    store.import(&entries, false).unwrap();
    store.import(&entries, true).unwrap();
    let nonces: HashSet<Vec<u8>> = raw(&store, |connection| {
        let mut all = connection
            .prepare("SELECT value FROM secrets UNION ALL SELECT value FROM versions")
            .unwrap();
        let nonces = all.query_map((), |row| row.get::<_, Vec<u8>>(0)).unwrap();
        nonces.map(|sealed| sealed.unwrap()[..NONCE_BYTES].to_vec()).collect()
    });
    assert_eq!(nonces.len(), 10_000);
}

#[test]
fn a_swapped_row_is_refused() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    put(&store, "mine", b"low").unwrap();
    put(&store, "theirs", b"high").unwrap();
    raw(&store, |connection| {
        let theirs: Vec<u8> = connection
            .query_row("SELECT value FROM secrets WHERE key = 'theirs'", (), |row| row.get(0))
            .unwrap();
        connection
            .execute("UPDATE secrets SET value = ?1 WHERE key = 'mine'", params![theirs])
            .unwrap();
    });
    assert!(matches!(store.read("mine").unwrap_err(), StoreError::Damaged { .. }));
    assert_eq!(store.read("theirs").unwrap().expose(), b"high");
}
