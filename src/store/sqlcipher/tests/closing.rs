//! What is left after the store was closed, and after a write that did not end.

use super::*;

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
