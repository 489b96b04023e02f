//! What a [`Vault`](crate::store::Vault) needs to know of its database: which vault it is, how
//! far it has come, and the audit trail's private key.

use super::{SqlCipherStore, meta, meta::Identity};
use crate::{secret::SecureBytes, store::StoreError};

const AUDIT_KEY: &str = "audit_private_key";
/// The place that the audit key is sealed for. No secret's key starts with a slash, so no
/// secret has this place.
const AUDIT_PLACE: &str = "/audit-private-key";

impl SqlCipherStore {
    pub(in crate::store) fn identity(&self) -> Result<Identity, StoreError> {
        self.with(|database| Ok(database.identity().clone()))
    }

    /// How many write transactions this vault has seen.
    ///
    /// # Errors
    /// [`StoreError::Locked`].
    pub fn generation(&self) -> Result<u64, StoreError> {
        self.with(|database| Ok(database.generation()))
    }

    /// Whether whoever wrote last also closed the database.
    pub(in crate::store) fn closed_cleanly(&self) -> Result<bool, StoreError> {
        self.with(|database| database.closed_cleanly())
    }

    pub(in crate::store) fn mark_clean(&self) -> Result<(), StoreError> {
        self.with(super::database::Database::mark_clean)
    }

    /// The private half of the key in the header that the audit trail is sealed to. Blocks.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a vault that was made without one; else as
    /// [`read`](Self::read).
    pub fn audit_private_key(&self) -> Result<SecureBytes, StoreError> {
        self.with(|database| {
            database.read(|connection, seals| {
                let sealed: Vec<u8> =
                    meta::find(connection, AUDIT_KEY)?.ok_or(StoreError::NotFound)?;
                seals.open(AUDIT_PLACE, &sealed)
            })
        })
    }

    pub(in crate::store) fn keep_audit_private_key(
        &self,
        private: &SecureBytes,
    ) -> Result<(), StoreError> {
        self.with(|database| {
            database.write(|transaction, seals| {
                meta::put(transaction, AUDIT_KEY, &seals.seal(AUDIT_PLACE, private)?)
            })
        })
    }
}
