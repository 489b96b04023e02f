//! The vault at rest, and the cache in front of it. The only home of ciphertext.
//!
//! [`SecretsStore`] is what a backend has to do, [`compliance_tests`] the suite that holds it to
//! that. [`SqlCipherStore`] is the production backend, [`InMemoryStore`] the one for tests,
//! [`JitDelivery`] the cache in front of any. [`Vault`] is the folder on disk around a
//! [`SqlCipherStore`]: it makes, finds, checks and opens it.
#![forbid(unsafe_code)]

mod clock;
mod compliance;
mod error;
mod jit;
mod memory;
mod sqlcipher;
mod vault;

use std::future::Future;

pub use crate::secret::VALUE_MAX_BYTES;
use crate::secret::{SecureBytes, validate_secret_key};

pub use clock::{BootClock, Clock, TestClock};
pub use compliance::compliance_tests;
pub use error::StoreError;
pub use jit::{DEFAULT_TTL, JitDelivery};
pub use memory::InMemoryStore;
pub use sqlcipher::{
    Approval, DEFAULT_HISTORY, Expiry, Imported, Put, SealedEntry, SecretInfo, SqlCipherStore,
    VersionInfo,
};
#[doc(hidden)]
pub use vault::read_header;
pub use vault::{
    AuditKeys, Checked, FreshKey, Generation, HEADER_MAX_BYTES, Header, Note, Proven, Snapshot,
    Unlocked, Upload, Vault, VaultError, VaultId,
};

/// What every storage backend does.
///
/// Keys are checked by [`validate_secret_key`]; values are any bytes, none included, up to
/// [`VALUE_MAX_BYTES`].
pub trait SecretsStore: Send + Sync + 'static {
    /// The value of `key`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    fn get(&self, key: &str) -> impl Future<Output = Result<SecureBytes, StoreError>> + Send;

    /// Stores `value` under `key`, in place of what was there.
    ///
    /// When this returns, the value is stored for good.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`], [`StoreError::ValueTooLong`], and what the backend's medium
    /// has to say.
    fn set(
        &self,
        key: &str,
        value: &SecureBytes,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes `key` and its value.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The names of all secrets, sorted by bytes. No value is decrypted for it.
    ///
    /// # Errors
    /// What the backend's medium has to say.
    fn list_keys(&self) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;

    /// The values of `keys`, in that order, each as [`get`](Self::get) would answer it.
    fn get_many(
        &self,
        keys: &[&str],
    ) -> impl Future<Output = Vec<Result<SecureBytes, StoreError>>> + Send {
        async move {
            let mut values = Vec::with_capacity(keys.len());
            for key in keys {
                values.push(self.get(key).await);
            }
            values
        }
    }
}

fn check_entry(key: &str, value: &SecureBytes) -> Result<(), StoreError> {
    validate_secret_key(key)?;
    if value.len() > VALUE_MAX_BYTES {
        return Err(StoreError::ValueTooLong);
    }
    Ok(())
}
