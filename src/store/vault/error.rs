//! Why a vault could not be made or opened: a condition each, so that what to do about it can
//! be told.

use std::path::PathBuf;

use crate::{crypto::DeriveError, secret::OutOfSecretMemory, store::StoreError};

/// Why a vault could not be made or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// No vault of this profile.
    #[error("there is no vault of this profile")]
    Missing,
    /// There is one already, and it was left as it is.
    #[error("there is a vault of this profile already")]
    Exists,
    /// A vault's folder without its header. Without the salt in it the password opens nothing.
    #[error("the vault's header is missing")]
    HeaderMissing,
    /// A header without its database.
    #[error("the vault's database is missing")]
    DatabaseMissing,
    /// The header is whole, but was not made with this password; or by somebody who does not
    /// know it.
    #[error("wrong password, or the vault's header was tampered with")]
    WrongPassword,
    /// Bytes on disk are not those that were written.
    #[error("the vault is damaged: {what}")]
    Damaged {
        /// The part that is.
        what: &'static str,
    },
    /// The database belongs to another vault than the header.
    #[error("the vault's database belongs to another vault")]
    OtherVault,
    /// The vault is older than when it was last written.
    #[error("the vault went back: it is at generation {found}, and was at {noted}")]
    WentBack {
        /// Its generation now.
        found: u64,
        /// The one that was noted.
        noted: u64,
    },
    /// The note of the vault's generation is not one that was written with this key.
    #[error("the note of the vault's generation was altered")]
    NoteAltered,
    /// A format of a later pds.
    #[error("the vault has format {version}, which this pds does not know")]
    Newer {
        /// The version found.
        version: u32,
    },
    /// Key derivation parameters that no pds writes, or that this machine has no memory for.
    #[error("the vault's key derivation parameters are out of bounds")]
    Absurd,
    /// Something of ours is owned by another user.
    #[error("`{path}` belongs to another user")]
    WrongOwner {
        /// Where.
        path: PathBuf,
    },
    /// Something of ours can be read or written by others.
    #[error("`{path}` is open to other users")]
    WrongMode {
        /// Where.
        path: PathBuf,
    },
    /// A symbolic link, a device or a FIFO in a place where a file or folder has to be.
    #[error("`{path}` is not a plain file or folder")]
    NotPlain {
        /// Where.
        path: PathBuf,
    },
    /// The file system can't put two folders in each other's place at once.
    #[error("the file system can't exchange two folders")]
    CannotSwap,
    /// No room on the disk.
    #[error("the disk is full")]
    DiskFull,
    /// The place can't be written.
    #[error("`{path}` can't be written")]
    ReadOnly {
        /// Where.
        path: PathBuf,
    },
    /// The kernel does not let us.
    #[error("no permission to use `{path}`")]
    Forbidden {
        /// Where.
        path: PathBuf,
    },
    /// The kernel refused something else.
    #[error("`{path}` can't be used (error {errno})")]
    Unusable {
        /// Where.
        path: PathBuf,
        /// The kernel's reason.
        errno: i32,
    },
    /// The kernel gave no random bytes.
    #[error("the kernel has no random numbers to give")]
    NoRandomness,
    /// A key could not be derived.
    #[error(transparent)]
    Derive(DeriveError),
    /// Locked memory ran out.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
    /// The database refused.
    #[error(transparent)]
    Store(StoreError),
}

impl VaultError {
    /// `missing` in place of [`Missing`](Self::Missing): which file is, the caller knows.
    pub(super) fn or_missing(self, missing: Self) -> Self {
        if self == Self::Missing { missing } else { self }
    }
}

impl From<StoreError> for VaultError {
    fn from(why: StoreError) -> Self {
        match why {
            StoreError::Damaged { what } => Self::Damaged { what },
            StoreError::Newer { version } => Self::Newer { version },
            StoreError::DiskFull => Self::DiskFull,
            StoreError::OutOfSecretMemory(why) => Self::OutOfSecretMemory(why),
            StoreError::Derive(why) => why.into(),
            why => Self::Store(why),
        }
    }
}

impl From<DeriveError> for VaultError {
    fn from(why: DeriveError) -> Self {
        match why {
            DeriveError::TooCheap | DeriveError::TooCostly => Self::Absurd,
            DeriveError::OutOfSecretMemory(why) => Self::OutOfSecretMemory(why),
            why => Self::Derive(why),
        }
    }
}
