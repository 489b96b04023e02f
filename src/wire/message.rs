//! Requests and answers, as CBOR (RFC 8949) with numbered fields.
//!
//! An enum's variant is an array of its number and the array of its fields; a
//! field or variant keeps its number for ever. Strings and values are borrowed
//! from the buffer that the message was opened into, so that decoding copies
//! no secret.

use std::fmt;

use minicbor::{Decode, Decoder, Encode};

use super::BATCH_MAX_ENTRIES;
use crate::secret::{OutOfSecretMemory, SecureBuffer};

/// A value on its way. Says nothing of itself in `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Plaintext<'b>(#[cbor(b(0), with = "minicbor::bytes")] pub &'b [u8]);

impl fmt::Debug for Plaintext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext")
    }
}

/// The digest of one thing that a manifest asks for (BLAKE3, 32 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct ItemDigest(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// What a client asks.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub enum Request<'b> {
    /// What is running, how it is protected, and what is unlocked.
    #[n(0)]
    Status,
    /// Open a vault with its password.
    #[n(1)]
    Unlock(#[b(0)] Unlock<'b>),
    /// Lock one profile, or everything.
    #[n(2)]
    Lock(#[b(0)] Option<&'b str>),
    /// Everything that a command needs, all or nothing.
    #[n(3)]
    Resolve(#[b(0)] Batch<'b>),
    /// One value.
    #[n(4)]
    Get(#[b(0)] KeyInProfile<'b>),
    /// Store a value.
    #[n(5)]
    Set(#[b(0)] Set<'b>),
    /// Remove a key and all of its versions.
    #[n(6)]
    Delete(#[b(0)] KeyInProfile<'b>),
    /// Give a key another name.
    #[n(7)]
    Rename(#[b(0)] Rename<'b>),
    /// The names of a profile's keys.
    #[n(8)]
    List(#[b(0)] &'b str),
    /// Store many values in one transaction.
    #[n(9)]
    Import(#[b(0)] Import<'b>),
    /// Make a new vault and leave it unlocked.
    #[n(10)]
    Create(#[b(0)] Unlock<'b>),
    /// Lock everything and leave.
    #[n(11)]
    Stop,
    /// Remember what a manifest may ask for.
    #[n(12)]
    Approve(#[b(0)] Approve<'b>),
    /// Forget a manifest's approval.
    #[n(13)]
    Disapprove(#[b(0)] ManifestInProfile<'b>),
    /// The manifests that are approved in a profile.
    #[n(14)]
    Approvals(#[b(0)] &'b str),
    /// Give a vault another password: everything in it is sealed anew.
    #[n(24)]
    Passwd(#[b(0)] Passwd<'b>),
    /// Take a copy of a vault, or read a piece of the one that was taken on this connection.
    #[n(25)]
    Backup(#[b(0)] Backup<'b>),
    /// Begin to bring a copy of a vault, on this connection.
    #[n(26)]
    RestoreBegin(#[b(0)] RestoreBegin<'b>),
    /// The next piece of it.
    #[n(27)]
    RestoreWrite(#[b(0)] Plaintext<'b>),
    /// Check what was brought, and put it in the vault's place.
    #[n(28)]
    RestoreCommit(#[b(0)] RestoreCommit<'b>),
    /// The versions of a key, without their values.
    #[n(29)]
    History(#[b(0)] KeyInProfile<'b>),
    /// The value of one version.
    #[n(30)]
    GetVersion(#[b(0)] KeyVersion<'b>),
    /// Make an older version's value the current one again.
    #[n(31)]
    Rollback(#[b(0)] KeyVersion<'b>),
    /// A part of an import that is too long for one message.
    #[n(32)]
    ImportPart(#[b(0)] ImportPart<'b>),
}

/// A vault and its password.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Unlock<'b> {
    /// The profile.
    #[b(0)]
    pub profile: &'b str,
    /// Its password.
    #[b(1)]
    pub password: Plaintext<'b>,
    /// Take a vault that is older than the one seen last.
    #[n(2)]
    pub accept_older: bool,
}

/// A key and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct KeyInProfile<'b> {
    /// The profile.
    #[b(0)]
    pub profile: &'b str,
    /// The key.
    #[b(1)]
    pub key: &'b str,
}

/// A batch: one token, one audit line, one answer.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Batch<'b> {
    /// What is asked for, at most [`BATCH_MAX_ENTRIES`].
    #[cbor(b(0), decode_with = "bounded")]
    pub entries: Vec<Entry<'b>>,
    /// The manifest that asks, if one does.
    #[b(1)]
    pub manifest: Option<ManifestClaim<'b>>,
    /// The project's name as the manifest has it, for the audit trail.
    #[b(2)]
    pub project: Option<&'b str>,
    /// The command's name, without its arguments, for the audit trail.
    #[b(3)]
    pub command: Option<&'b str>,
    /// Only ask whether it would be answered; no value comes back.
    #[n(4)]
    pub check_only: bool,
}

/// One key of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Entry<'b> {
    /// The profiles to look in; the last that has the key counts.
    #[cbor(b(0), decode_with = "bounded")]
    pub profiles: Vec<&'b str>,
    /// The key.
    #[b(1)]
    pub key: &'b str,
    /// Whether its absence is a failure.
    #[n(2)]
    pub required: bool,
}

/// What a manifest asks for, to be compared with what was approved.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ManifestClaim<'b> {
    /// The canonical path; bytes that are not UTF-8 are escaped, injectively.
    #[b(0)]
    pub path: &'b str,
    /// The owner's user id.
    #[n(1)]
    pub owner: u32,
    /// A digest for each thing asked for, at most [`BATCH_MAX_ENTRIES`] and a few.
    #[cbor(n(2), decode_with = "bounded")]
    pub items: Vec<ItemDigest>,
    /// The profiles that it names where an entry names none.
    #[cbor(b(3), decode_with = "bounded")]
    pub profiles: Vec<&'b str>,
}

/// A value to store.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Set<'b> {
    /// Where to.
    #[b(0)]
    pub at: KeyInProfile<'b>,
    /// The value.
    #[b(1)]
    pub value: Plaintext<'b>,
    /// Fail if the key exists.
    #[n(2)]
    pub create_only: bool,
    /// When the value should have been replaced, in milliseconds since 1970.
    #[n(3)]
    pub expires_at: Option<i64>,
}

/// A key's old and new name.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rename<'b> {
    /// The key as it is.
    #[b(0)]
    pub from: KeyInProfile<'b>,
    /// The name it gets.
    #[b(1)]
    pub to: &'b str,
}

/// Many values at once.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Import<'b> {
    /// Where to.
    #[b(0)]
    pub profile: &'b str,
    /// Keys and values.
    #[cbor(b(1), decode_with = "bounded")]
    pub entries: Vec<ImportEntry<'b>>,
    /// Replace what is there; otherwise each existing key is a problem.
    #[n(2)]
    pub overwrite: bool,
}

/// One of many values.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct ImportEntry<'b> {
    /// The key.
    #[b(0)]
    pub key: &'b str,
    /// The value.
    #[b(1)]
    pub value: Plaintext<'b>,
}

/// An approval, for one profile's keys.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Approve<'b> {
    /// The profile whose vault keeps it.
    #[b(0)]
    pub profile: &'b str,
    /// What is approved, in place of what was.
    #[b(1)]
    pub manifest: ManifestClaim<'b>,
}

/// A manifest's approval in one profile.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct ManifestInProfile<'b> {
    /// The profile.
    #[b(0)]
    pub profile: &'b str,
    /// The manifest's canonical path, as in a [`ManifestClaim`].
    #[b(1)]
    pub path: &'b str,
}

/// A vault's password, and the one in its place.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Passwd<'b> {
    /// The profile.
    #[b(0)]
    pub profile: &'b str,
    /// The password as it is.
    #[b(1)]
    pub old: Plaintext<'b>,
    /// The password as it shall be.
    #[b(2)]
    pub new: Plaintext<'b>,
}

/// A copy of a vault: taken first, then read in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Backup<'b> {
    /// The profile.
    #[b(0)]
    pub profile: &'b str,
    /// Where in the database's copy to read; null to take it.
    #[n(1)]
    pub offset: Option<u64>,
    /// Whether the names of the keys are to be told as well, when it is taken.
    #[n(2)]
    pub names: bool,
}

/// What a copy that is brought consists of.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct RestoreBegin<'b> {
    /// The profile.
    #[b(0)]
    pub profile: &'b str,
    /// The header, all of it.
    #[b(1)]
    pub header: Plaintext<'b>,
    /// How many bytes the database has.
    #[n(2)]
    pub database_bytes: u64,
    /// Put it in the place of a vault that is there.
    #[n(3)]
    pub replace: bool,
}

/// What opens a copy that was brought.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct RestoreCommit<'b> {
    /// The password that the copy was made under.
    #[b(0)]
    pub password: Plaintext<'b>,
}

/// One version of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct KeyVersion<'b> {
    /// The key.
    #[b(0)]
    pub at: KeyInProfile<'b>,
    /// The version's number, from 1.
    #[n(1)]
    pub version: u32,
}

/// A part of an import. All parts of one come on one connection and are stored
/// in one transaction, with the last.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct ImportPart<'b> {
    /// The entries of this part. What the last part says of overwriting counts.
    #[b(0)]
    pub import: Import<'b>,
    /// How many entries came before, on this connection: a part that was lost
    /// with an earlier connection must not be missed in silence.
    #[n(1)]
    pub before: u32,
    /// Whether this is the last.
    #[n(2)]
    pub last: bool,
}

/// What the daemon answers.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub enum Response<'b> {
    /// It is done, and stored.
    #[n(0)]
    Done,
    /// The state of the daemon.
    #[n(1)]
    Status(#[b(0)] Status<'b>),
    /// Values in the order of the entries; an absent optional one is null.
    #[n(2)]
    Values(#[b(0)] Vec<Option<Plaintext<'b>>>),
    /// The keys of a profile.
    #[n(3)]
    Keys(#[b(0)] Vec<KeyRow<'b>>),
    /// Nothing was done; why, for each entry that is in the way.
    #[n(4)]
    Refused(#[b(0)] Vec<Problem>),
    /// The approved manifests.
    #[n(5)]
    Approvals(#[b(0)] Vec<ApprovalRow<'b>>),
    /// A batch that the manifest's approval does not cover: which of its items.
    #[n(6)]
    NotApproved(#[n(0)] NotApproved),
    /// A copy of a vault that was taken, or a piece of it.
    #[n(12)]
    Backup(#[b(0)] BackupPart<'b>),
    /// A vault was restored; how many secrets are in it.
    #[n(13)]
    Restored(#[n(0)] u64),
    /// The versions of a key, newest first.
    #[n(14)]
    Versions(#[b(0)] Vec<VersionRow<'b>>),
}

/// A copy of a vault, or a piece of it.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct BackupPart<'b> {
    /// When it was taken: the header. When it is read: the next bytes of the
    /// database, none at its end.
    #[b(0)]
    pub bytes: Plaintext<'b>,
    /// How many bytes the database has.
    #[n(1)]
    pub database_bytes: u64,
    /// How many secrets are in it.
    #[n(2)]
    pub secrets: u64,
    /// Their names, if those were asked for.
    #[b(3)]
    pub names: Vec<&'b str>,
}

/// One version of a key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct VersionRow<'b> {
    /// Its number, from 1.
    #[n(0)]
    pub version: u32,
    /// When it was set, in milliseconds since 1970.
    #[n(1)]
    pub created_at: i64,
    /// The registered name of the client that set it.
    #[b(2)]
    pub set_by: Option<&'b str>,
    /// Whether it is the current one.
    #[n(3)]
    pub current: bool,
}

/// Where an approval falls short.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct NotApproved {
    /// Whether this path has an approval at all.
    #[n(0)]
    pub known: bool,
    /// The digests, of those in the claim, that it does not cover.
    #[n(1)]
    pub items: Vec<ItemDigest>,
}

/// One key of a list.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct KeyRow<'b> {
    /// The key.
    #[b(0)]
    pub key: &'b str,
    /// The number of its current version, from 1.
    #[n(1)]
    pub version: u32,
    /// When it was first set, in milliseconds since 1970.
    #[n(2)]
    pub created_at: i64,
    /// When it was last set, in milliseconds since 1970.
    #[n(3)]
    pub updated_at: i64,
    /// When it should have been replaced, in milliseconds since 1970.
    #[n(4)]
    pub expires_at: Option<i64>,
}

/// One approved manifest.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct ApprovalRow<'b> {
    /// Its canonical path, as in a [`ManifestClaim`].
    #[b(0)]
    pub path: &'b str,
    /// When, in milliseconds since 1970.
    #[n(1)]
    pub approved_at: i64,
}

/// The state of the daemon.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Status<'b> {
    /// Its version and build.
    #[b(0)]
    pub build: &'b str,
    /// Its process id, in its own namespace.
    #[n(1)]
    pub pid: u32,
    /// How secret memory is protected: 0 memfd_secret, 1 mlock, 2 neither for some buffers.
    #[n(2)]
    pub memory: u8,
    /// Each profile that has a vault.
    #[b(3)]
    pub profiles: Vec<ProfileStatus<'b>>,
    /// For how long a value stays in the cache, in milliseconds.
    #[n(4)]
    pub value_lifetime_ms: u64,
    /// The error in `config.toml`, if the last good one is still in force.
    #[b(5)]
    pub config_error: Option<&'b str>,
}

/// The state of one profile.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct ProfileStatus<'b> {
    /// Its name.
    #[b(0)]
    pub profile: &'b str,
    /// For how long it stays unlocked, in milliseconds; null if it is locked.
    #[n(1)]
    pub unlocked_for_ms: Option<u64>,
    /// How many of its secrets have expired; null if it is locked or busy.
    #[n(2)]
    pub expired: Option<u32>,
    /// How many will within [`EXPIRES_SOON_DAYS`](super::EXPIRES_SOON_DAYS); null likewise.
    #[n(3)]
    pub expiring: Option<u32>,
}

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
            Self::NotApproved => "not-approved",
            Self::BackupDamaged => "backup-damaged",
            Self::TransferBroken => "transfer-broken",
            Self::TransferTooLong => "transfer-too-long",
            Self::CannotSwap => "cannot-swap",
        }
    }
}

impl minicbor::encode::Write for SecureBuffer {
    type Error = OutOfSecretMemory;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), OutOfSecretMemory> {
        self.extend(bytes)
    }
}

/// Encodes a message straight into secret memory.
///
/// # Errors
/// [`OutOfSecretMemory`] if it does not fit there.
pub fn encode<M: Encode<()>>(message: &M) -> Result<SecureBuffer, OutOfSecretMemory> {
    let mut buffer = SecureBuffer::new()?;
    minicbor::encode(message, &mut buffer).map_err(|_| OutOfSecretMemory)?;
    Ok(buffer)
}

/// A message that can't be decoded. Says nothing of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message is malformed")]
pub struct Malformed;

/// Decodes a message, which must end where the bytes do.
///
/// # Errors
/// [`Malformed`].
pub fn decode<'b, M: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<M, Malformed> {
    let mut decoder = Decoder::new(bytes);
    let message = decoder.decode().map_err(|_| Malformed)?;
    if decoder.position() == bytes.len() { Ok(message) } else { Err(Malformed) }
}

/// An array with a stated length of at most [`BATCH_MAX_ENTRIES`] and what a
/// manifest adds to it. Room is taken as elements arrive, not as announced.
fn bounded<'b, Ctx, T: Decode<'b, Ctx>>(
    decoder: &mut Decoder<'b>,
    context: &mut Ctx,
) -> Result<Vec<T>, minicbor::decode::Error> {
    const MAX: u64 = 3 * BATCH_MAX_ENTRIES as u64;
    let len = decoder.array()?.filter(|&len| len <= MAX);
    let len = len.ok_or_else(|| minicbor::decode::Error::message("array too long"))?;
    (0..len).map(|_| decoder.decode_with(context)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_comes_back_as_it_was() {
        let request = Request::Resolve(Batch {
            entries: vec![Entry {
                profiles: vec!["work", "ops"],
                key: "db/password",
                required: true,
            }],
            manifest: Some(ManifestClaim {
                path: "/p/pds.toml",
                owner: 1000,
                items: vec![ItemDigest([7; 32])],
                profiles: vec!["work"],
            }),
            project: Some("billing"),
            command: None,
            check_only: false,
        });
        let bytes = encode(&request).unwrap();
        assert_eq!(decode::<Request<'_>>(bytes.as_slice()).unwrap(), request);
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encode(&Request::Status).unwrap();
        assert!(decode::<Request<'_>>(bytes.as_slice()).is_ok());
        bytes.extend(b"\0").unwrap();
        assert!(decode::<Request<'_>>(bytes.as_slice()).is_err());
    }

    #[test]
    fn an_array_that_announces_millions_takes_no_room() {
        // Resolve, with an entries array of 2^32 - 1 and nothing behind it.
        let bytes = [0x82, 0x03, 0x81, 0x85, 0x9A, 0xFF, 0xFF, 0xFF, 0xFF];
        assert!(decode::<Request<'_>>(&bytes).is_err());
    }

    #[test]
    fn debug_of_a_request_shows_no_value() {
        let shown = format!(
            "{:?}",
            Request::Unlock(Unlock {
                profile: "work",
                password: Plaintext(b"hunter2"),
                accept_older: false,
            })
        );
        assert!(shown.contains("work") && !shown.contains("hunter2") && !shown.contains("104"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_decoding_panic(bytes: Vec<u8>) {
            let _ = decode::<Request<'_>>(&bytes);
            let _ = decode::<Response<'_>>(&bytes);
        }
    }
}
