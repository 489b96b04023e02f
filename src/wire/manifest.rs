//! What a manifest asks for, and what was approved of it.

use minicbor::{Decode, Decoder, Encode, decode::Error};

use super::{CLAIM_PATH_MAX_BYTES, LABEL_MAX_BYTES, message::bounded};
use crate::secret::TrustProfileName;

/// The digest of one thing that a manifest asks for (BLAKE2s, 32 bytes). The client
/// chooses it; the daemon only compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct ItemDigest(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// A batch: one token, one audit line, one answer.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Batch<'b> {
    /// What is asked for, at most [`super::BATCH_MAX_ENTRIES`].
    #[cbor(b(0), decode_with = "bounded")]
    pub entries: Vec<Entry<'b>>,
    /// The manifest that asks, if one does.
    #[b(1)]
    pub manifest: Option<ManifestClaim<'b>>,
    /// The project's name as the manifest has it, for the audit trail.
    #[cbor(b(2), decode_with = "claimed_name")]
    pub project: Option<&'b str>,
    /// The command's name, without its arguments, for the audit trail.
    #[cbor(b(3), decode_with = "claimed_name")]
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
    /// The canonical path; control characters and bytes that are not UTF-8 are escaped,
    /// injectively.
    #[cbor(b(0), decode_with = "absolute")]
    pub path: &'b str,
    /// The owner's user id.
    #[n(1)]
    pub owner: u32,
    /// A digest for each thing asked for, at most [`super::BATCH_MAX_ENTRIES`] and a few.
    #[cbor(n(2), decode_with = "bounded")]
    pub items: Vec<ItemDigest>,
    /// The profiles that it names where an entry names none.
    #[cbor(b(3), decode_with = "named")]
    pub profiles: Vec<&'b str>,
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
    #[cbor(b(1), decode_with = "absolute")]
    pub path: &'b str,
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

/// A name that goes on the audit trail in the client's own words. A newline or a megabyte
/// in it could pass for other lines or bury them, so neither gets there.
fn claimed_name<'b, Ctx>(decoder: &mut Decoder<'b>, _: &mut Ctx) -> Result<Option<&'b str>, Error> {
    let label: Option<&str> = decoder.decode()?;
    label.map(|label| plain(label, LABEL_MAX_BYTES)).transpose()
}

/// A manifest's path, which is stored as it comes. Of a relative one nobody could tell later
/// which file it was.
fn absolute<'b, Ctx>(decoder: &mut Decoder<'b>, _: &mut Ctx) -> Result<&'b str, Error> {
    let path = plain(decoder.str()?, CLAIM_PATH_MAX_BYTES)?;
    if path.starts_with('/') { Ok(path) } else { Err(Error::message("not an absolute path")) }
}

/// Profiles that no gate looks at, because the entries of the batch name their own.
fn named<'b, Ctx>(decoder: &mut Decoder<'b>, context: &mut Ctx) -> Result<Vec<&'b str>, Error> {
    let profiles: Vec<&str> = bounded(decoder, context)?;
    let are_names = profiles.iter().all(|name| TrustProfileName::new(name).is_ok());
    if are_names { Ok(profiles) } else { Err(Error::message("not a profile")) }
}

fn plain(text: &str, max_bytes: usize) -> Result<&str, Error> {
    let is_plain = (1..=max_bytes).contains(&text.len()) && !text.chars().any(char::is_control);
    if is_plain { Ok(text) } else { Err(Error::message("not a name")) }
}

/// What is there of a batch, without any value.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub struct Seen {
    /// For each entry the key as it is, or null if none of its profiles has it.
    #[cbor(n(0), decode_with = "bounded")]
    pub keys: Vec<Option<SeenKey>>,
    /// Where the manifest's approval falls short, if it does.
    #[n(1)]
    pub short: Option<NotApproved>,
}

/// A key that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct SeenKey {
    /// When its value should have been replaced, in milliseconds since 1970.
    #[n(0)]
    pub expires_at: Option<i64>,
}
