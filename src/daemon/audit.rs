//! The audit trail: one line for each decision about a secret, written before
//! what it is about is released.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

/// What every gate denial and every operation emits.
///
/// It holds names and never a value, nor a value's length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// `granted`, `denied` or `failed`.
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
}

/// The file that the lines go to.
#[derive(Debug)]
pub(super) struct Trail {
    file: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    file: File,
    /// Whether something is written that has not been synced.
    dirty: bool,
    /// Whether the last write failed half-way, so that a newline is owed.
    torn: bool,
}

impl Trail {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(folder.join("trail.jsonl"))?;
        Ok(Self { file: Mutex::new(Written { file, dirty: false, torn: false }) })
    }

    /// Appends a line, in one write.
    ///
    /// # Errors
    /// If it is not wholly written. Nothing may be released then.
    pub(super) fn append(&self, event: &SecretOperationAudit<'_>) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        let mut written = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if written.torn {
            line.insert(0, b'\n');
        }
        let outcome = written.file.write_all(&line);
        written.torn = outcome.is_err();
        written.dirty = true;
        outcome
    }

    /// Brings what is written to the disk. Called off the event loop.
    pub(super) fn sync(&self) -> io::Result<()> {
        let file = {
            let mut written = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            if !std::mem::take(&mut written.dirty) {
                return Ok(());
            }
            written.file.try_clone()?
        };
        file.sync_data()
    }
}
