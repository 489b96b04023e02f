//! Requests and answers, as CBOR (RFC 8949) with numbered fields.
//!
//! An enum's variant is an array of its number and the array of its fields; a
//! field or variant keeps its number for ever. Strings and values are borrowed
//! from the buffer that the message was opened into, so that decoding copies
//! no secret.

use std::fmt;

use minicbor::{Decode, Decoder, Encode};

use super::BATCH_MAX_ENTRIES;
pub use super::reason::{Problem, Reason};
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

/// The digest of one thing that a manifest asks for (BLAKE2s, 32 bytes). The client
/// chooses it; the daemon only compares.
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
    /// Check the audit trail.
    #[n(20)]
    AuditVerify,
    /// The runs that hold secrets now.
    #[n(21)]
    AuditRunning,
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
    /// What checking the audit trail has found.
    #[n(10)]
    AuditReport(#[b(0)] AuditReport<'b>),
    /// The runs that hold secrets, the longest first.
    #[n(11)]
    Running(#[b(0)] Vec<RunRow<'b>>),
}

/// What checking the audit trail has found.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct AuditReport<'b> {
    /// The files, segments and lines that there are.
    #[n(0)]
    pub files: u64,
    /// See `files`.
    #[n(1)]
    pub segments: u64,
    /// See `files`.
    #[n(2)]
    pub lines: u64,
    /// In the order of the trail.
    #[b(3)]
    pub findings: Vec<AuditFinding<'b>>,
    /// Findings of tampering beyond those, of which only the number is told.
    #[n(4)]
    pub more: u64,
    /// Other findings beyond those.
    #[n(5)]
    pub more_notes: u64,
}

/// One thing that was found, and where.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct AuditFinding<'b> {
    /// What.
    #[n(0)]
    pub what: AuditWhat,
    /// The number of the file; 0 if it is about none.
    #[n(1)]
    pub file: u64,
    /// The line in that file, from 1; 0 if it is about none.
    #[n(2)]
    pub line: u64,
    /// The segment.
    #[n(3)]
    pub segment: u64,
    /// Of what is missing, the first and the last, by the numbers in its segment, of
    /// segments or of files.
    #[n(4)]
    pub from: u64,
    /// See `from`.
    #[n(5)]
    pub to: u64,
    /// The profiles it is about, with commas between them.
    #[b(6)]
    pub profiles: &'b str,
}

/// What checking the audit trail can find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum AuditWhat {
    /// A line's MAC is not the one of its bytes, or it contradicts its place.
    #[n(0)]
    Altered,
    /// Lines of a segment are not there.
    #[n(1)]
    Missing,
    /// A line, or bytes of none, that the daemon did not write here.
    #[n(2)]
    Inserted,
    /// A line stands behind a later one.
    #[n(3)]
    OutOfOrder,
    /// A segment goes on behind its last line, by what vouches for it.
    #[n(4)]
    CutOff,
    /// A segment's last line is not the one that it had.
    #[n(5)]
    Replaced,
    /// Whole segments are not there.
    #[n(6)]
    SegmentsMissing,
    /// Whole files are not there.
    #[n(7)]
    FilesMissing,
    /// At an unlocking the trail had lost a line that had been noted.
    #[n(8)]
    WentBack,
    /// At an unlocking the note of the trail's head was altered.
    #[n(9)]
    NoteAltered,
    /// Nothing is wrong: a write was cut off, and nothing was released for it.
    #[n(20)]
    Torn,
    /// Nothing is known to be wrong: a segment has no closing line.
    #[n(21)]
    NotClosed,
    /// Nothing is known to be wrong: a segment's key is sealed to locked profiles only.
    #[n(22)]
    NotChecked,
}

impl AuditWhat {
    /// Whether it means that the trail is not as the daemon wrote it.
    #[must_use]
    pub fn is_tampering(self) -> bool {
        !matches!(self, Self::Torn | Self::NotClosed | Self::NotChecked)
    }
}

/// A run that is not over yet.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct RunRow<'b> {
    /// Its process, as the kernel told when it connected.
    #[n(0)]
    pub pid: i32,
    /// The requester's registered name.
    #[b(1)]
    pub requester: &'b str,
    /// The project's name, as the client claims it.
    #[b(2)]
    pub project: Option<&'b str>,
    /// The command's name, as the client claims it.
    #[b(3)]
    pub command: Option<&'b str>,
    /// The profiles that its values come from.
    #[b(4)]
    pub profiles: Vec<&'b str>,
    /// The keys of those values.
    #[b(5)]
    pub keys: Vec<&'b str>,
    /// Since when, RFC 3339, UTC.
    #[b(6)]
    pub since: &'b str,
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
    encode_into(message, SecureBuffer::new()?)
}

/// Encodes a message at the end of `buffer`, whose capacity the caller has chosen.
///
/// # Errors
/// [`OutOfSecretMemory`] if it does not fit there.
pub fn encode_into<M: Encode<()>>(
    message: &M,
    mut buffer: SecureBuffer,
) -> Result<SecureBuffer, OutOfSecretMemory> {
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
