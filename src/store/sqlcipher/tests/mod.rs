//! The store over real files: what is in them, what becomes of them, and what comes back.
#![allow(clippy::unwrap_used)]

mod at_rest;
mod closing;
mod damage;
mod killed;
mod versions;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use tempfile::TempDir;

use super::*;
use crate::store::compliance_tests;

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

fn xorshift(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 8) as usize
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
