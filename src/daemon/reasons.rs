//! What the store's words mean to a client.

use crate::{store::StoreError, wire::message::Reason};

/// The reason that a client is told for an error of the store.
pub(super) fn reason_of(error: &StoreError) -> Reason {
    match error {
        StoreError::NotFound => Reason::NotFound,
        StoreError::Exists { .. } => Reason::Exists,
        StoreError::InvalidKey(_) => Reason::InvalidKey,
        StoreError::ValueTooLong => Reason::ValueTooLong,
        StoreError::Locked => Reason::Locked,
        StoreError::Damaged { .. } => Reason::VaultDamaged,
        StoreError::Newer { .. } => Reason::VaultNewer,
        StoreError::OutOfSecretMemory(_) => Reason::OutOfSecretMemory,
        StoreError::DiskFull => Reason::DiskFull,
        StoreError::ReadOnly => Reason::ReadOnly,
        StoreError::InUse | StoreError::Unreachable | StoreError::InputOutput { .. } => {
            Reason::VaultUnreadable
        }
        StoreError::NoRandomness
        | StoreError::Derive(_)
        | StoreError::Abandoned
        | StoreError::Sqlite { .. } => Reason::Internal,
    }
}
