//! Requests and answers, as CBOR (RFC 8949) with numbered fields.
//!
//! An enum's variant is an array of its number and the array of its fields; a
//! field or variant keeps its number for ever. Strings and values are borrowed
//! from the buffer that the message was opened into, so that decoding copies
//! no secret.

use std::fmt;

use minicbor::{Decode, Decoder, Encode};

use super::BATCH_MAX_ENTRIES;
pub use super::{
    client::*,
    field::Unlocked,
    manifest::*,
    names::*,
    reason::{Problem, Reason},
    state::*,
    trail::*,
    whole::*,
};
use crate::secret::{OutOfSecretMemory, SecureBuffer};

/// What a run of a hundred secrets asks for fits in this.
const PLAIN_CAPACITY_BYTES: usize = 8 << 10;

/// A secret in a message, borrowed from the buffer that it was opened into. `Debug` says
/// nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Plaintext<'b>(#[cbor(b(0), with = "minicbor::bytes")] pub &'b [u8]);

impl fmt::Debug for Plaintext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext")
    }
}

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
    /// Enrol a client.
    #[n(33)]
    ClientAdd(#[b(0)] ClientAdd<'b>),
    /// The clients that are enrolled, and those that were revoked.
    #[n(34)]
    ClientList,
    /// Take a client's rights, at once.
    #[n(35)]
    ClientRevoke(#[b(0)] &'b str),
    /// Another request, encoded, with its values sealed: field encryption.
    #[n(38)]
    Sealed(#[b(0)] Plaintext<'b>),
    /// The names of keys that begin so, for a shell's completion.
    #[n(39)]
    Complete(#[b(0)] KeyPrefix<'b>),
    /// Whether a batch would be answered, key by key; no value is read.
    #[n(41)]
    Look(#[b(0)] Batch<'b>),
}

impl Request<'_> {
    /// Whether it names secrets and brings none: such a request may be put together in
    /// ordinary memory, of which a long one takes many pages. Listed by what is known to be
    /// harmless, so that a new request is a secret one until somebody says otherwise.
    #[must_use]
    pub fn is_without_secrets(&self) -> bool {
        matches!(
            self,
            Self::Resolve(_) | Self::Get(_) | Self::List(_) | Self::Status | Self::Complete(_)
        )
    }
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
    /// A copy of a vault that was taken, or a piece of it.
    #[n(12)]
    Backup(#[b(0)] BackupPart<'b>),
    /// A vault was restored; how many secrets are in it.
    #[n(13)]
    Restored(#[n(0)] u64),
    /// The versions of a key, newest first.
    #[n(14)]
    Versions(#[b(0)] Vec<VersionRow<'b>>),
    /// A client was enrolled.
    #[n(15)]
    ClientAdded(#[b(0)] ClientAdded<'b>),
    /// The clients, by name.
    #[n(16)]
    Clients(#[b(0)] Vec<ClientRow<'b>>),
    /// A vault is open, and the key that its values are sealed under: field encryption.
    #[n(18)]
    Unlocked(#[b(0)] Unlocked<'b>),
    /// The names that were asked for, or their beginnings up to a `/`.
    #[n(19)]
    Names(#[b(0)] Vec<&'b str>),
    /// What is there of a batch, and whether it is approved.
    #[n(21)]
    Seen(#[n(0)] Seen),
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

/// Encodes a message that [brings no secret](Request::is_without_secrets).
#[must_use]
pub fn encode_plain<M: Encode<()>>(message: &M) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PLAIN_CAPACITY_BYTES);
    // Writing to memory of one's own does not fail.
    let _ = minicbor::encode(message, &mut bytes);
    bytes
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
pub(super) fn bounded<'b, Ctx, T: Decode<'b, Ctx>>(
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
    fn the_path_of_a_manifest_is_absolute_and_has_no_control_characters() {
        for (path, fits) in [
            ("/", true),
            ("/p/pds.toml", true),
            ("", false),
            ("pds.toml", false),
            ("./pds.toml", false),
            ("../p/pds.toml", false),
            ("~/pds.toml", false),
            ("/p\n/pds.toml", false),
        ] {
            let manifest = ManifestClaim { path, owner: 0, items: vec![], profiles: vec![] };
            let claim = Batch {
                entries: vec![],
                manifest: Some(manifest.clone()),
                project: None,
                command: None,
                check_only: false,
            };
            for request in [
                Request::Resolve(claim),
                Request::Approve(Approve { profile: "work", manifest }),
                Request::Disapprove(ManifestInProfile { profile: "work", path }),
            ] {
                let bytes = encode(&request).unwrap();
                assert_eq!(decode::<Request<'_>>(bytes.as_slice()).is_ok(), fits, "{path:?}");
            }
        }
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
