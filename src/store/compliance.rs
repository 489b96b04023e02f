//! The suite that every [`SecretsStore`] passes.

use super::{SecretsStore, StoreError, VALUE_MAX_BYTES};
use crate::secret::SecureBytes;

/// Holds a backend to what [`SecretsStore`] promises. `make` gives an empty store each time.
///
/// # Panics
/// At the first promise that is not kept, with its name.
pub async fn compliance_tests<S: SecretsStore, F: Fn() -> S>(make: F) {
    values_come_back_byte_for_byte(&make()).await;
    a_second_set_overwrites(&make()).await;
    what_is_not_there_is_not_found(&make()).await;
    a_deleted_secret_is_gone(&make()).await;
    listing_shows_every_key(&make()).await;
    many_are_answered_in_order(&make()).await;
    what_can_not_be_stored_is_refused(&make()).await;
}

/// Only the suite calls this, whose way to say no is to panic.
#[allow(clippy::unwrap_used)]
fn bytes(value: &[u8]) -> SecureBytes {
    SecureBytes::copy_from(value).unwrap()
}

async fn values_come_back_byte_for_byte(store: &impl SecretsStore) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let longest = vec![0xa5; VALUE_MAX_BYTES];
    let cases: [(&str, &[u8]); 7] = [
        ("text", b"hunter2"),
        ("empty", b""),
        ("nul", b"a\0b\0"),
        ("newlines", b"\r\nline\n"),
        ("not/utf-8", b"\xff\xfe\xc3"),
        ("every.byte", &every_byte),
        ("longest", &longest),
    ];
    for (key, value) in cases {
        assert_eq!(store.set(key, &bytes(value)).await, Ok(()), "set {key}");
    }
    for (key, value) in cases {
        let got = store.get(key).await;
        assert!(got.is_ok_and(|got| got.expose() == value), "get {key} is what was set");
    }
}

async fn a_second_set_overwrites(store: &impl SecretsStore) {
    assert_eq!(store.set("key", &bytes(b"first")).await, Ok(()));
    assert_eq!(store.set("key", &bytes(b"second, longer")).await, Ok(()));
    assert!(store.get("key").await.is_ok_and(|got| got.expose() == b"second, longer"));
    assert_eq!(store.list_keys().await, Ok(vec!["key".to_owned()]));
}

async fn what_is_not_there_is_not_found(store: &impl SecretsStore) {
    assert_eq!(store.get("nonexistent").await.err(), Some(StoreError::NotFound), "get");
    assert_eq!(store.delete("nonexistent").await, Err(StoreError::NotFound), "delete");
}

async fn a_deleted_secret_is_gone(store: &impl SecretsStore) {
    assert_eq!(store.set("key", &bytes(b"value")).await, Ok(()));
    assert_eq!(store.set("other", &bytes(b"stays")).await, Ok(()));
    assert_eq!(store.delete("key").await, Ok(()));
    assert_eq!(store.get("key").await.err(), Some(StoreError::NotFound), "get after delete");
    assert_eq!(store.delete("key").await, Err(StoreError::NotFound), "delete after delete");
    assert!(store.get("other").await.is_ok_and(|got| got.expose() == b"stays"));
}

async fn listing_shows_every_key(store: &impl SecretsStore) {
    assert_eq!(store.list_keys().await, Ok(vec![]), "an empty store lists nothing");
    let keys = ["a", "a-b", "a/b", "b.c", "z_9"];
    for key in keys.iter().rev() {
        assert_eq!(store.set(key, &bytes(key.as_bytes())).await, Ok(()));
    }
    assert_eq!(store.list_keys().await, Ok(keys.map(str::to_owned).to_vec()));
    for key in keys {
        assert_eq!(store.delete(key).await, Ok(()));
    }
    assert_eq!(store.list_keys().await, Ok(vec![]), "all deleted, nothing listed");
}

async fn many_are_answered_in_order(store: &impl SecretsStore) {
    assert_eq!(store.set("one", &bytes(b"1")).await, Ok(()));
    assert_eq!(store.set("two", &bytes(b"2")).await, Ok(()));
    let got = store.get_many(&["two", "three", "one"]).await;
    assert_eq!(got.len(), 3);
    assert!(got[0].as_ref().is_ok_and(|value| value.expose() == b"2"));
    assert!(matches!(got[1], Err(StoreError::NotFound)));
    assert!(got[2].as_ref().is_ok_and(|value| value.expose() == b"1"));
}

async fn what_can_not_be_stored_is_refused(store: &impl SecretsStore) {
    let too_long = bytes(&vec![0; VALUE_MAX_BYTES + 1]);
    assert_eq!(store.set("key", &too_long).await, Err(StoreError::ValueTooLong));
    for key in ["", "/a", "a//b", "..", "a b", "a\0"] {
        let answer = store.set(key, &bytes(b"v")).await;
        assert!(matches!(answer, Err(StoreError::InvalidKey(_))), "{key:?}");
    }
    assert_eq!(store.list_keys().await, Ok(vec![]), "what was refused left nothing");
}
