//! The audit trail: one line for each decision about a secret, written before
//! what it is about is released.
//!
//! ```text
//! audit/00000007.jsonl      {"n":1,"kind":"segment",…,"mac":"…"}     at each start and rotation
//!                           {"n":2,"kind":"operation",…,"mac":"…"}
//!                           {"n":3,"kind":"key",…,"mac":"…"}         for a vault that came later
//!                           {"n":4,"kind":"close",…,"mac":"…"}       at a clean stop, and at rotation
//! audit-heads/<vault id>    how far the trail had come while that vault was unlocked
//! ```
//!
//! A line's MAC is keyed BLAKE3 over the MAC before it and the bytes of the line
//! up to its own MAC. Each line has a key of its own, derived from that of the
//! line before, which is wiped: whoever breaks into the daemon can write what
//! comes next, and nothing of what was. A segment begins with a random key, which
//! is sealed to the audit key of each vault that there is, so that the trail goes
//! on while everything is locked, and any unlocked profile can check it.
//!
//! Whoever can write the files can make up a whole segment, since a vault's public
//! key is public. Each segment therefore names the last line of the one before,
//! and while a vault is unlocked the head of the trail is also noted outside, under
//! a key that only the vault has. What such a note covers can't be made up, taken
//! out or put back. What can be: segments that begin and end between two unlockings,
//! and notes and trail together, put back as they once were.

mod chain;
mod envelope;
mod flood;
mod head;
mod line;
mod trail;
mod unended;
mod verify;
mod writer;

use serde::Serialize;

pub(super) use envelope::Recipient;
pub(super) use head::{HeadNote, Noted, Sought};
pub use line::read_lines;
pub(super) use trail::Trail;
pub(super) use unended::{Boot, Granted, Unended, unended};
pub(super) use verify::{Finding, Opener, Report, verify};

/// What is known of processes when a segment begins.
#[derive(Debug, Clone, Default)]
pub(super) struct Processes {
    pub(super) boot: Boot,
    /// How many of those that are on the trail as granted runs are not over.
    pub(super) running: usize,
}

/// What every gate denial and every operation emits.
///
/// It holds names and never a value, nor a value's length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SecretOperationAudit<'a> {
    /// When, RFC 3339, UTC.
    pub time: String,
    /// The requester's registered name; `-` for a peer that has none.
    pub requester: &'a str,
    /// The requester's process, as the kernel told when it connected.
    pub pid: i32,
    /// What was asked for.
    pub operation: &'a str,
    /// In which profiles.
    pub profiles: Vec<&'a str>,
    /// With which keys.
    pub keys: Vec<&'a str>,
    /// `granted`, `denied` or `failed`; for the end of a run, `ended`, `ended-unwatched` or
    /// `not-watched`.
    pub outcome: &'static str,
    /// Why it was not granted: a word for each reason, once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<&'static str>,
    /// The project's name, as the client claims it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<&'a str>,
    /// The command's name, as the client claims it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<&'a str>,
    /// The client that was enrolled or revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<&'a str>,
    /// How many denials this line stands for, if it sums them up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// When what ends here, or the first of what is summed up, began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<&'a str>,
    /// The process of a run that was granted, for as long as the machine is up: its unique
    /// number in pidfs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<u64>,
    /// How long the machine had been up when a run was granted, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime_ms: Option<u64>,
    /// How long a run took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

#[cfg(test)]
mod tests;
