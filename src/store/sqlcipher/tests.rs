#![allow(clippy::unwrap_used)]
use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rusqlite::params;
use tempfile::TempDir;

use super::*;
use crate::{crypto::NONCE_BYTES, store::compliance_tests};

fn bytes(value: &[u8]) -> SecureBytes {
    SecureBytes::copy_from(value).unwrap()
}

fn profile(name: &str) -> TrustProfileName {
    TrustProfileName::new(name).unwrap()
}

struct Sandbox {
    folder: TempDir,
    key: SecureBytes,
}

impl Sandbox {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), key: bytes(&[0x42; 32]) }
    }
    fn path(&self) -> PathBuf {
        self.folder.path().join("vault.db")
    }
    fn create(&self) -> SqlCipherStore {
        SqlCipherStore::create(&self.path(), &self.key, &profile("work"), [9; 16]).unwrap()
    }
    fn open(&self) -> Result<SqlCipherStore, StoreError> {
        SqlCipherStore::open(&self.path(), &self.key)
    }
    fn files(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            all.extend(fs::read(entry.path()).unwrap());
            all.extend(entry.file_name().as_encoded_bytes());
        }
        all
    }
}

fn put(store: &SqlCipherStore, key: &str, value: &[u8]) -> Result<u32, StoreError> {
    store.put(&Put::new(key, &bytes(value)))
}

fn raw<T>(store: &SqlCipherStore, work: impl FnOnce(&rusqlite::Connection) -> T) -> T {
    store.with(|database| database.read(|connection, _| Ok(work(connection)))).unwrap()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn sqlcipher_store_passes_compliance() {
    let folder = TempDir::new().unwrap();
    let count = AtomicUsize::new(0);
    compliance_tests(|| {
        let name = count.fetch_add(1, Ordering::SeqCst).to_string();
        let key = SecureBytes::random(32).unwrap();
        SqlCipherStore::create(&folder.path().join(name), &key, &profile("p"), [1; 16]).unwrap()
    })
    .await;
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
fn what_was_acknowledged_is_in_the_main_file_alone() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    for n in 0..20 {
        put(&store, &format!("k{n}"), &[n; 100]).unwrap();
        let copy = TempDir::new().unwrap();
        fs::copy(sandbox.path(), copy.path().join("vault.db")).unwrap();
        let copied = SqlCipherStore::open(&copy.path().join("vault.db"), &sandbox.key).unwrap();
        assert_eq!(copied.read(&format!("k{n}")).unwrap().expose(), [n; 100]);
    }
    let journal = sandbox.folder.path().join("vault.db-journal");
    assert_eq!(fs::metadata(journal).unwrap().len(), 0);
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

fn xorshift(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 8) as usize
}

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

#[test]
fn a_cleared_store_is_locked_for_good_and_opens_again() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    put(&store, "key", b"value").unwrap();
    store.read("key").unwrap();
    assert_eq!(store.pragma_rekey_clear(), Ok(()));
    assert_eq!(store.pragma_rekey_clear(), Ok(()));
    assert_eq!(store.read("key").unwrap_err(), StoreError::Locked);
    assert_eq!(store.keys().unwrap_err(), StoreError::Locked);
    assert_eq!(put(&store, "key", b"value").unwrap_err(), StoreError::Locked);
    assert_eq!(store.clone().integrity_check().unwrap_err(), StoreError::Locked);
    let again = sandbox.open().unwrap();
    assert_eq!(again.read("key").unwrap().expose(), b"value");
    assert!(again.closed_cleanly().unwrap());
}

#[test]
fn a_panic_in_a_write_rolls_back_and_keeps_nothing_from_being_cleared() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    put(&store, "key", b"value").unwrap();
    let panicking = store.clone();
    let ended = std::thread::spawn(move || {
        panicking.with(|database| {
            database.write(|transaction, _| -> Result<(), StoreError> {
                transaction.execute("DELETE FROM secrets", ())?;
                panic!("in the middle of a write")
            })
        })
    })
    .join();
    assert!(ended.is_err());
    assert_eq!(store.read("key").unwrap().expose(), b"value");
    assert_eq!(store.pragma_rekey_clear(), Ok(()));
    assert_eq!(store.read("key").unwrap_err(), StoreError::Locked);
}

#[test]
fn a_write_in_progress_is_unclean_until_closed() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    assert!(store.closed_cleanly().unwrap());
    put(&store, "key", b"value").unwrap();
    assert!(!store.closed_cleanly().unwrap());
    // Killed: the connection goes without a word.
    let copy = fs::read(sandbox.path()).unwrap();
    store.pragma_rekey_clear().unwrap();
    fs::write(sandbox.path(), copy).unwrap();
    assert!(!sandbox.open().unwrap().closed_cleanly().unwrap());
}

#[test]
fn each_write_raises_the_generation_by_one_and_a_refused_one_does_not() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    assert_eq!(store.generation().unwrap(), 1);
    put(&store, "key", b"value").unwrap();
    assert_eq!(store.generation().unwrap(), 2);
    store.remove("nonexistent").unwrap_err();
    store.read("key").unwrap();
    assert_eq!(store.generation().unwrap(), 2);
    store.remove("key").unwrap();
    assert_eq!(store.generation().unwrap(), 3);
}

#[test]
fn older_versions_are_kept_up_to_the_limit_and_come_back() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    store.keep_history(3).unwrap();
    for n in 1..=6 {
        assert_eq!(put(&store, "key", &[n]).unwrap(), u32::from(n));
    }
    let numbers: Vec<u32> = store.versions("key").unwrap().iter().map(|v| v.version).collect();
    assert_eq!(numbers, [6, 5, 4, 3]);
    assert_eq!(store.get_version("key", 3).unwrap().expose(), [3]);
    assert_eq!(store.get_version("key", 6).unwrap().expose(), [6]);
    assert_eq!(store.get_version("key", 2).unwrap_err(), StoreError::NotFound);
    assert_eq!(store.rollback("key", 3, Some("cli")).unwrap(), 7);
    assert_eq!(store.read("key").unwrap().expose(), [3]);
    assert_eq!(store.info("key").unwrap().set_by.as_deref(), Some("cli"));
    assert_eq!(store.rollback("key", 1, None).unwrap_err(), StoreError::NotFound);
    store.remove("key").unwrap();
    assert_eq!(store.versions("key").unwrap_err(), StoreError::NotFound);
    assert_eq!(store.get_version("key", 6).unwrap_err(), StoreError::NotFound);
    store.keep_history(0).unwrap();
    put(&store, "key", b"a").unwrap();
    put(&store, "key", b"b").unwrap();
    assert_eq!(store.versions("key").unwrap().len(), 1);
}

#[test]
fn created_at_stays_and_updated_at_moves() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    let value = bytes(b"v");
    store.put(&Put { expires_at: Some(99), ..Put::new("key", &value) }).unwrap();
    let first = store.info("key").unwrap();
    assert_eq!(
        (first.version, first.created_at, first.expires_at),
        (1, first.updated_at, Some(99))
    );
    std::thread::sleep(std::time::Duration::from_millis(3));
    put(&store, "key", b"w").unwrap();
    let second = store.info("key").unwrap();
    assert_eq!(second.created_at, first.created_at);
    assert!(second.updated_at > first.updated_at);
    assert_eq!((second.version, second.expires_at), (2, None));
    assert_eq!(store.list().unwrap(), [second]);
}

#[test]
fn a_renamed_secret_keeps_its_versions_and_times() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    put(&store, "old", b"1").unwrap();
    put(&store, "old", b"2").unwrap();
    put(&store, "taken", b"x").unwrap();
    let before = store.info("old").unwrap();
    std::thread::sleep(Duration::from_millis(2));
    let exists = StoreError::Exists { key: "taken".to_owned() };
    assert_eq!(store.rename("old", "taken").unwrap_err(), exists);
    assert_eq!(store.rename("none", "new").unwrap_err(), StoreError::NotFound);
    assert!(matches!(store.rename("old", "a//b").unwrap_err(), StoreError::InvalidKey(_)));
    store.rename("old", "new/name").unwrap();
    assert_eq!(store.read("old").unwrap_err(), StoreError::NotFound);
    assert_eq!(store.read("new/name").unwrap().expose(), b"2");
    assert_eq!(store.get_version("new/name", 1).unwrap().expose(), b"1");
    let renamed = SecretInfo { key: "new/name".to_owned(), ..before };
    assert_eq!(store.info("new/name").unwrap(), renamed);
    assert_eq!(store.keys().unwrap(), ["new/name", "taken"]);
    store.integrity_check().unwrap();
}

#[test]
fn an_import_is_all_or_nothing() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    put(&store, "b", b"there").unwrap();
    let value = bytes(b"imported");
    let entries = [Put::new("a", &value), Put::new("b", &value), Put::new("c", &value)];
    let exists = StoreError::Exists { key: "b".to_owned() };
    assert_eq!(store.import(&entries, false).unwrap_err(), exists);
    assert_eq!(store.keys().unwrap(), ["b"]);
    assert_eq!(store.import(&entries, true).unwrap(), Imported { added: 2, overwritten: 1 });
    assert_eq!(store.get_version("b", 1).unwrap().expose(), b"there");
}

#[test]
fn approvals_come_back_as_they_were_put() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    store.approvals_put("/b/pds.toml", 1000, b"items").unwrap();
    store.approvals_put("/a/pds.toml", 0, b"").unwrap();
    store.approvals_put("/b/pds.toml", 1000, b"other").unwrap();
    let found = store.approvals_get("/b/pds.toml").unwrap().unwrap();
    assert_eq!((found.owner, found.items.as_slice()), (1000, &b"other"[..]));
    let paths: Vec<String> =
        store.approvals_list().unwrap().into_iter().map(|approval| approval.path).collect();
    assert_eq!(paths, ["/a/pds.toml", "/b/pds.toml"]);
    store.approvals_delete("/a/pds.toml").unwrap();
    assert_eq!(store.approvals_delete("/a/pds.toml").unwrap_err(), StoreError::NotFound);
    assert_eq!(store.approvals_get("/a/pds.toml").unwrap(), None);
}

#[test]
fn the_settings_that_everything_relies_on_are_on() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    let setting = |name: &str| -> String {
        raw(&store, |connection| {
            connection
                .query_row(&format!("PRAGMA {name}"), (), |row| {
                    Ok(match row.get_ref(0)? {
                        rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                        other => other.as_str().unwrap().to_owned(),
                    })
                })
                .unwrap()
        })
    };
    for (name, value) in [
        ("journal_mode", "truncate"),
        ("synchronous", "3"),
        ("secure_delete", "1"),
        ("cipher_memory_security", "0"),
        ("cipher_page_size", "4096"),
        ("temp_store", "2"),
        ("foreign_keys", "1"),
        ("trusted_schema", "0"),
    ] {
        assert_eq!(setting(name), value, "{name}");
    }
}

#[test]
fn listing_walks_indexes_without_values() {
    let sandbox = Sandbox::new();
    let store = sandbox.create();
    let plans: Vec<String> = raw(&store, |connection| {
        ["SELECT key FROM secrets ORDER BY key"]
            .iter()
            .map(|query| {
                connection
                    .query_row(&format!("EXPLAIN QUERY PLAN {query}"), (), |row| row.get(3))
                    .unwrap()
            })
            .collect()
    });
    assert!(plans.iter().all(|plan| plan.contains("COVERING INDEX")), "{plans:?}");
}

const VICTIM: &str = "PDS_TEST_KILLED_WRITER";

#[test]
#[ignore = "the process that `what_was_acknowledged_survives_kill_9` kills"]
fn killed_writer() {
    let Some(path) = std::env::var_os(VICTIM) else {
        return;
    };
    let store = SqlCipherStore::open(&PathBuf::from(path), &bytes(&[0x42; 32])).unwrap();
    let first = store.keys().unwrap().len();
    for n in first.. {
        put(&store, &format!("k{n}"), n.to_string().repeat(500).as_bytes()).unwrap();
        std::io::stdout().write_all(format!("acknowledged {n}\n").as_bytes()).unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let sandbox = Sandbox::new();
    drop(sandbox.create());
    let (mut acknowledged, mut state) = (0, 0x2545_f491_4f6c_dd1d);
    for round in 0..25 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::sqlcipher::tests::killed_writer", "--ignored", "--nocapture"])
            .env(VICTIM, sandbox.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let doom = xorshift(&mut state) % 12;
        let mut seen = 0;
        for line in lines.map_while(Result::ok) {
            let Some((_, number)) = line.split_once("acknowledged ") else {
                continue;
            };
            acknowledged = number.parse::<usize>().unwrap() + 1;
            seen += 1;
            if seen == doom + 1 {
                // Somewhere in the write that follows.
                std::thread::sleep(Duration::from_micros(xorshift(&mut state) as u64 % 3000));
                writer.kill().unwrap();
            }
        }
        assert!(!writer.wait().unwrap().success());
        let store = sandbox.open().unwrap();
        store.integrity_check().unwrap();
        let found = store.keys().unwrap().len();
        assert!(found >= acknowledged, "round {round}: {found} of {acknowledged}");
        for n in 0..found {
            let expected = n.to_string().repeat(500);
            assert_eq!(store.read(&format!("k{n}")).unwrap().expose(), expected.as_bytes());
        }
    }
    assert!(acknowledged >= 25);
}
