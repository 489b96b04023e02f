//! What is answered about the audit trail.

use minicbor::{Decode, Encode};

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
