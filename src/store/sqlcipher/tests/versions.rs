//! Older versions of values, and the times and names that secrets keep.

use std::time::Duration;

use super::*;

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
