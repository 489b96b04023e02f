//! Why something was refused: a number on the wire, a word on the trail.

use minicbor::{Decode, Encode};

/// Why something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Problem {
    /// The entry of the batch that it is about, if it is about one.
    #[n(0)]
    pub entry: Option<u32>,
    /// The reason.
    #[n(1)]
    pub reason: Reason,
    /// When to try again, in milliseconds from now.
    #[n(2)]
    pub retry_after_ms: Option<u64>,
}

impl Problem {
    /// A problem with the request as a whole.
    #[must_use]
    pub fn with_request(reason: Reason) -> Self {
        Self { entry: None, reason, retry_after_ms: None }
    }

    /// A problem with one entry.
    #[must_use]
    pub fn with_entry(entry: usize, reason: Reason) -> Self {
        Self { entry: u32::try_from(entry).ok(), reason, retry_after_ms: None }
    }
}

/// The reasons for a refusal. Their numbers are stable; `--json` shows their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Reason {
    /// Gate 1: no profile is unlocked.
    #[n(1)]
    Locked,
    /// Gate 2: the profile is locked.
    #[n(2)]
    ProfileInactive,
    /// Gate 2: there is no such profile.
    #[n(3)]
    ProfileUnknown,
    /// Gate 3: the peer's static key is not registered.
    #[n(4)]
    IdentityUnknown,
    /// Gate 3: the peer's static key was revoked.
    #[n(5)]
    IdentityRevoked,
    /// Gate 4: the token bucket is empty.
    #[n(6)]
    RateLimited,
    /// Gate 5: no rule grants it.
    #[n(7)]
    AccessDenied,
    /// Gate 5.5: the key's name is not of the form that keys have.
    #[n(8)]
    InvalidKey,
    /// Gate 6: there is no such key.
    #[n(9)]
    NotFound,
    /// The key exists already.
    #[n(10)]
    Exists,
    /// The vault can't be opened with this password.
    #[n(11)]
    WrongPassword,
    /// Another try to unlock must wait.
    #[n(12)]
    TooSoon,
    /// The vault is damaged.
    #[n(13)]
    VaultDamaged,
    /// The vault's header is missing while its database is there.
    #[n(14)]
    HeaderMissing,
    /// The vault's database is missing while its header is there.
    #[n(15)]
    DatabaseMissing,
    /// The database belongs to another vault.
    #[n(16)]
    OtherVault,
    /// The vault is older than the one seen last.
    #[n(17)]
    VaultWentBack,
    /// The vault was made by a newer version.
    #[n(18)]
    VaultNewer,
    /// A file of the vault has the wrong owner or mode, or is a link.
    #[n(19)]
    VaultUnsafe,
    /// The value is too long.
    #[n(20)]
    ValueTooLong,
    /// No room is left on the disk.
    #[n(21)]
    DiskFull,
    /// The vault can't be written.
    #[n(22)]
    ReadOnly,
    /// The daemon's locked memory is used up.
    #[n(23)]
    OutOfSecretMemory,
    /// The audit trail can't be written, so nothing is released.
    #[n(24)]
    AuditUnavailable,
    /// The name can't be a profile's.
    #[n(25)]
    InvalidProfile,
    /// The request makes no sense.
    #[n(26)]
    Malformed,
    /// The vault exists already.
    #[n(27)]
    VaultExists,
    /// The password is empty or too long.
    #[n(28)]
    UnusablePassword,
    /// The daemon failed; its log says where.
    #[n(29)]
    Internal,
    /// The vault's files can't be read or written.
    #[n(30)]
    VaultUnreadable,
    /// The manifest's approval does not cover what it asks for.
    #[n(31)]
    NotApproved,
    /// The backup is damaged, or not of this profile.
    #[n(32)]
    BackupDamaged,
    /// A piece of a transfer came without the pieces before it.
    #[n(33)]
    TransferBroken,
    /// A transfer is longer than any that is taken.
    #[n(34)]
    TransferTooLong,
    /// The file system can't swap two folders at once.
    #[n(35)]
    CannotSwap,
    /// The name can't be a client's.
    #[n(40)]
    InvalidClient,
    /// A client of that name is enrolled.
    #[n(41)]
    ClientExists,
    /// No client of that name was ever enrolled.
    #[n(42)]
    ClientUnknown,
    /// A grant names no profile, operation or glob that there could be.
    #[n(43)]
    InvalidGrant,
    /// As many clients are enrolled as there may be.
    #[n(44)]
    TooManyClients,
    /// The client's file or socket can't be written.
    #[n(45)]
    ClientUnwritable,
    /// The audit trail can't be read.
    #[n(46)]
    AuditUnreadable,
    /// The daemon was built without field encryption, and the client with it.
    #[n(47)]
    FieldEncryptionOff,
    /// The daemon takes and gives sealed values only.
    #[n(48)]
    FieldEncryptionNeeded,
    /// A value is not sealed under the key of its profile, for this place.
    #[n(49)]
    FieldForged,
}

impl Reason {
    /// The stable word for it, on the audit trail and in `--json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::ProfileInactive => "profile-locked",
            Self::ProfileUnknown => "profile-unknown",
            Self::IdentityUnknown => "identity-unknown",
            Self::IdentityRevoked => "identity-revoked",
            Self::RateLimited => "rate-limited",
            Self::AccessDenied => "access-denied",
            Self::InvalidKey => "invalid-key",
            Self::NotFound => "not-found",
            Self::Exists => "exists",
            Self::WrongPassword => "wrong-password",
            Self::TooSoon => "too-soon",
            Self::VaultDamaged => "vault-damaged",
            Self::HeaderMissing => "header-missing",
            Self::DatabaseMissing => "database-missing",
            Self::OtherVault => "other-vault",
            Self::VaultWentBack => "vault-went-back",
            Self::VaultNewer => "vault-newer",
            Self::VaultUnsafe => "vault-unsafe",
            Self::ValueTooLong => "value-too-long",
            Self::DiskFull => "disk-full",
            Self::ReadOnly => "read-only",
            Self::OutOfSecretMemory => "out-of-secret-memory",
            Self::AuditUnavailable => "audit-unavailable",
            Self::InvalidProfile => "invalid-profile",
            Self::Malformed => "malformed",
            Self::VaultExists => "vault-exists",
            Self::UnusablePassword => "unusable-password",
            Self::Internal => "internal",
            Self::VaultUnreadable => "vault-unreadable",
            Self::BackupDamaged => "backup-damaged",
            Self::TransferBroken => "transfer-broken",
            Self::TransferTooLong => "transfer-too-long",
            Self::CannotSwap => "cannot-swap",
            Self::NotApproved => "not-approved",
            Self::InvalidClient => "invalid-client",
            Self::ClientExists => "client-exists",
            Self::ClientUnknown => "client-unknown",
            Self::InvalidGrant => "invalid-grant",
            Self::TooManyClients => "too-many-clients",
            Self::ClientUnwritable => "client-unwritable",
            Self::AuditUnreadable => "audit-unreadable",
            Self::FieldEncryptionOff => "field-encryption-off",
            Self::FieldEncryptionNeeded => "field-encryption-needed",
            Self::FieldForged => "field-forged",
        }
    }
}
