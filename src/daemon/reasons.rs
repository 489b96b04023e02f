//! What went wrong here, in the words that a client is told.

use super::registry::RegistryError;
use crate::{
    store::{StoreError, VaultError},
    wire::message::{Problem, Reason},
};

/// Why a request was not granted, or could not be done. Never empty.
pub(super) type Refusal = Vec<Problem>;

/// A refusal of the request as a whole.
pub(super) fn refusal(reason: impl Into<Reason>) -> Refusal {
    vec![Problem::with_request(reason.into())]
}

/// Does work that blocks on a thread that may: SQLite's, Argon2's, that of the file system.
/// A panic in it is an internal error and ends nothing else.
pub(super) async fn off_the_loop<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Refusal>
where
    T: Send + 'static,
    E: Into<Reason> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(refusal),
        Err(_) => Err(refusal(Reason::Internal)),
    }
}

impl From<StoreError> for Reason {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Exists { .. } => Self::Exists,
            StoreError::InvalidKey(_) => Self::InvalidKey,
            StoreError::ValueTooLong => Self::ValueTooLong,
            StoreError::Locked => Self::Locked,
            StoreError::Damaged { .. } => Self::VaultDamaged,
            StoreError::Newer { .. } => Self::VaultNewer,
            StoreError::OutOfSecretMemory(_) => Self::OutOfSecretMemory,
            StoreError::DiskFull => Self::DiskFull,
            StoreError::ReadOnly => Self::ReadOnly,
            StoreError::InUse | StoreError::Unreachable | StoreError::InputOutput { .. } => {
                Self::VaultUnreadable
            }
            StoreError::NoRandomness
            | StoreError::Derive(_)
            | StoreError::Abandoned
            | StoreError::Sqlite { .. } => Self::Internal,
        }
    }
}

impl From<VaultError> for Reason {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Missing => Self::ProfileUnknown,
            VaultError::Exists => Self::VaultExists,
            VaultError::HeaderMissing => Self::HeaderMissing,
            VaultError::DatabaseMissing => Self::DatabaseMissing,
            VaultError::WrongPassword => Self::WrongPassword,
            VaultError::Damaged { .. } | VaultError::Absurd => Self::VaultDamaged,
            VaultError::OtherVault => Self::OtherVault,
            VaultError::WentBack { .. } | VaultError::NoteAltered => Self::VaultWentBack,
            VaultError::Newer { .. } => Self::VaultNewer,
            VaultError::WrongOwner { .. }
            | VaultError::WrongMode { .. }
            | VaultError::NotPlain { .. } => Self::VaultUnsafe,
            VaultError::CannotSwap => Self::CannotSwap,
            VaultError::DiskFull => Self::DiskFull,
            VaultError::ReadOnly { .. } => Self::ReadOnly,
            VaultError::Forbidden { .. } | VaultError::Unusable { .. } => Self::VaultUnreadable,
            VaultError::NoRandomness | VaultError::Derive(_) => Self::Internal,
            VaultError::OutOfSecretMemory(_) => Self::OutOfSecretMemory,
            VaultError::Store(error) => error.into(),
        }
    }
}

impl From<RegistryError> for Reason {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Exists => Self::ClientExists,
            RegistryError::Unknown => Self::ClientUnknown,
            RegistryError::TooMany => Self::TooManyClients,
            RegistryError::Unwritable(_) => Self::ClientUnwritable,
        }
    }
}
