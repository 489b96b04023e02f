//! The runs that the trail has no end of, for the daemon that comes after the one which
//! watched them.
//!
//! Nothing of what is read here is verified, as that takes an unlocked vault. Whoever can write
//! the files could make up what they like: that a process of some number is a run, or is none.
//! That process is then watched, listed and put on record when it ends, and nothing else comes
//! of it; verifying finds what was altered.

use std::{borrow::Cow, collections::HashSet, fs, io, ops::ControlFlow, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    line::{self, Kind},
    writer::{FILES_KEPT, read_file},
};
use crate::{
    home::audit_files,
    secret::{LAUNCHER, TrustProfileName, validate_client_name, validate_secret_key},
    wire::{BATCH_MAX_ENTRIES, LABEL_MAX_BYTES},
};

/// For how long, and for whom, the number of a process is one that can be asked for. On the
/// first line of each segment; what is not known is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(in crate::daemon) struct Boot {
    /// The kernel's name for this start of the machine.
    #[serde(rename = "boot", skip_serializing_if = "Option::is_none")]
    pub(in crate::daemon) id: Option<String>,
    /// The inode number of the PID namespace: in another one, processes have other numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::daemon) pid_namespace: Option<u64>,
}

impl Boot {
    /// The one that this process runs in. A confined daemon could not ask.
    pub(in crate::daemon) fn read() -> Self {
        use std::os::unix::fs::MetadataExt;
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let namespace = fs::metadata("/proc/self/ns/pid").ok();
        Self {
            id: id.map(|id| id.trim_end().to_owned()).filter(|id| !id.is_empty()),
            pid_namespace: namespace.map(|namespace| namespace.ino()),
        }
    }
}

/// A run without an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Unended {
    pub(in crate::daemon) granted: Granted,
    /// When its process got its number.
    pub(in crate::daemon) boot: Boot,
}

/// What the line of a granted run says. A daemon that does not write how long the machine was
/// up, as those before this one, has put the ends of its runs on record otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(in crate::daemon) struct Granted {
    pub(in crate::daemon) time: String,
    pub(in crate::daemon) requester: String,
    pub(in crate::daemon) pid: i32,
    #[serde(default)]
    pub(in crate::daemon) project: Option<String>,
    #[serde(default)]
    pub(in crate::daemon) command: Option<String>,
    pub(in crate::daemon) profiles: Vec<String>,
    pub(in crate::daemon) keys: Vec<String>,
    #[serde(default)]
    pub(in crate::daemon) process: Option<u64>,
    pub(in crate::daemon) uptime_ms: u64,
}

impl Granted {
    /// Whether a daemon could have written it. What a run is said to be comes on the trail once
    /// more with its end, and a megabyte of it would be one there, too.
    fn is_one(&self) -> bool {
        let are_few = |names: &[String]| names.len() <= BATCH_MAX_ENTRIES;
        let is_label =
            |label: &String| label.len() <= LABEL_MAX_BYTES && !label.chars().any(char::is_control);
        (self.requester == LAUNCHER || validate_client_name(&self.requester))
            && self.time.parse::<jiff::Timestamp>().is_ok_and(|at| at.to_string() == self.time)
            && [&self.project, &self.command].into_iter().flatten().all(is_label)
            && are_few(&self.profiles)
            && self.profiles.iter().all(|name| TrustProfileName::new(name).is_ok())
            && are_few(&self.keys)
            && self.keys.iter().all(|key| validate_secret_key(key).is_ok())
    }
}

/// Finds at most `max` runs without an end in the trail in `folder`, the longest first.
///
/// Goes back from the end of the trail, and no further than the runs go that were not over
/// when a segment began, whose number its first line says: mostly that is the last segment. A
/// file that can't be read is passed over.
///
/// # Errors
/// If the folder can't be read.
pub(in crate::daemon) fn unended(folder: &Path, max: usize) -> io::Result<Vec<Unended>> {
    let mut search = Search { max, ..Search::default() };
    let kept = usize::try_from(FILES_KEPT).unwrap_or(usize::MAX);
    for (_, path) in audit_files(folder)?.into_iter().rev().take(kept) {
        let Ok(bytes) = read_file(&path) else { continue };
        if line::backward(&bytes).try_for_each(|text| search.line(text)).is_break() {
            break;
        }
        // Whatever this is of, it does not say when that was.
        search.begin_segment(&Boot::default());
    }
    search.found.reverse();
    Ok(search.found)
}

/// What tells a line from others here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry<'t> {
    kind: Kind,
    #[serde(borrow)]
    time: Cow<'t, str>,
    pid: i32,
    #[serde(borrow)]
    operation: Cow<'t, str>,
    #[serde(borrow)]
    outcome: Cow<'t, str>,
    #[serde(borrow)]
    since: Cow<'t, str>,
    boot: Option<String>,
    pid_namespace: Option<u64>,
    /// `None` in a segment of a daemon that did not say so.
    running: Option<usize>,
}

/// Which run: its process's number and its line's time, which its end has as `since`.
type Which = (i32, String);

#[derive(Debug, Default)]
struct Search {
    max: usize,
    /// The runs whose ends were met, and not yet they themselves.
    ended: HashSet<Which>,
    /// Those of the segment at hand, whose first line is still to come.
    at_hand: Vec<Granted>,
    /// The latest first.
    found: Vec<Unended>,
}

impl Search {
    /// Takes in the line before those that were taken in. Breaks when none before it matters.
    fn line(&mut self, text: &[u8]) -> ControlFlow<()> {
        let Ok(entry) = serde_json::from_slice::<Entry<'_>>(text) else {
            return ControlFlow::Continue(());
        };
        match (entry.kind, &*entry.operation, &*entry.outcome) {
            (Kind::Segment, ..) => {
                self.begin_segment(&Boot { id: entry.boot, pid_namespace: entry.pid_namespace });
                // Of the runs that were not over then, some have ended since.
                let before = entry.running.unwrap_or(0).saturating_sub(self.ended.len());
                if before == 0 || self.found.len() >= self.max {
                    return ControlFlow::Break(());
                }
            }
            (Kind::Operation, "run-end", _) => {
                self.ended.insert((entry.pid, entry.since.into_owned()));
            }
            (Kind::Operation, "run", "granted") => {
                self.take(&(entry.pid, entry.time.into_owned()), text);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// Takes in a run, unless its end was met.
    fn take(&mut self, which: &Which, text: &[u8]) {
        if !self.ended.remove(which) && self.found.len() + self.at_hand.len() < self.max {
            let granted = serde_json::from_slice::<Granted>(text);
            self.at_hand.extend(granted.ok().filter(Granted::is_one));
        }
    }

    fn begin_segment(&mut self, boot: &Boot) {
        let unended = |granted| Unended { granted, boot: boot.clone() };
        self.found.extend(self.at_hand.drain(..).map(unended));
    }
}
