//! What is asked and answered about whole vaults, older versions and long imports.

use minicbor::{Decode, Encode};

use super::message::{Import, KeyInProfile, Plaintext};

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
