//! Why the store did not do what it was asked to: a condition each, with no name of a key but
//! the one that was asked for, and never a value.

use crate::{
    crypto::{DeriveError, SealError},
    secret::{InvalidKey, OutOfSecretMemory},
};

/// Why the store did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No secret, version or approval of that name.
    #[error("not found")]
    NotFound,
    /// Something of that name is there already, and was left as it is.
    #[error("`{key}` exists already")]
    Exists {
        /// Its name.
        key: String,
    },
    /// A name that can't be a key.
    #[error(transparent)]
    InvalidKey(#[from] InvalidKey),
    /// A value of more than [`VALUE_MAX_BYTES`](super::VALUE_MAX_BYTES).
    #[error("a value has at most 1 MiB")]
    ValueTooLong,
    /// The store was locked, before or meanwhile.
    #[error("locked")]
    Locked,
    /// Bytes on disk are not those that were written.
    #[error("the vault is damaged: {what}")]
    Damaged {
        /// The part that is.
        what: &'static str,
    },
    /// A format of a later pds.
    #[error("the vault has format {version}, which this pds does not know")]
    Newer {
        /// The version found.
        version: u32,
    },
    /// Locked memory ran out; locking profiles, or a higher RLIMIT_MEMLOCK, gives some.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
    /// No room on the disk. What was acknowledged before is intact.
    #[error("the disk is full")]
    DiskFull,
    /// The file, its folder or its file system can't be written.
    #[error("the vault can't be written")]
    ReadOnly,
    /// Another process has the database locked.
    #[error("the vault is in use by another process")]
    InUse,
    /// The database file can't be opened.
    #[error("the vault can't be opened")]
    Unreachable,
    /// The kernel refused a read, a write or a sync.
    #[error("input or output error on the vault (SQLite code {code})")]
    InputOutput {
        /// SQLite's extended result code.
        code: i32,
    },
    /// The kernel gave no random bytes.
    #[error("the kernel has no random numbers to give")]
    NoRandomness,
    /// A key of the wrong length, or one that could not be derived.
    #[error(transparent)]
    Derive(#[from] DeriveError),
    /// The task that did the work ended before it was done.
    #[error("the storage task ended early")]
    Abandoned,
    /// What SQLite reports and pds has no better word for.
    #[error("the database refused (SQLite code {code})")]
    Sqlite {
        /// SQLite's extended result code.
        code: i32,
    },
}

impl From<SealError> for StoreError {
    fn from(why: SealError) -> Self {
        match why {
            SealError::Forged => Self::Damaged { what: "a value was altered or is out of place" },
            SealError::KeyLength => Self::Derive(DeriveError::KeyLength),
            SealError::TooLong => Self::ValueTooLong,
            SealError::NoRandomness => Self::NoRandomness,
            SealError::OutOfSecretMemory(why) => Self::OutOfSecretMemory(why),
        }
    }
}
