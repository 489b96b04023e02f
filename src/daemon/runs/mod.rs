//! Runs that are not over: the client became the command by `execve`, and the
//! descriptor of its process, taken when it connected, tells when that ends.
//!
//! Each run that is on record as granted gets one end there, from whoever takes it out of the
//! list of those that are watched. A daemon that ends, however it does, writes none: the runs
//! go on, and the next one [finds them again](find_again).

mod again;

use std::{
    collections::BTreeMap,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(super) use again::{find_again, left_by_others};

use super::{Daemon, audit::SecretOperationAudit, millis, now, stamp};
use crate::sys::watch_readable;

/// Runs watched at once. Each takes a descriptor, of which there are as few as 1,024,
/// two of them for each connection.
const RUNS_MAX: usize = 256;

/// A run that was granted its values: names, and not one of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) requester: String,
    pub(super) pid: i32,
    pub(super) project: Option<String>,
    pub(super) command: Option<String>,
    pub(super) profiles: Vec<String>,
    pub(super) keys: Vec<String>,
    /// The time of its line on the trail, by which its end is known for its own.
    pub(super) since: String,
    /// On CLOCK_BOOTTIME.
    pub(super) begun: Duration,
    /// What no other process has, for as long as the machine is up; `None` on an old kernel.
    pub(super) process: Option<u64>,
}

/// The runs that are watched.
#[derive(Debug, Default)]
pub(super) struct Runs(Mutex<Watched>);

#[derive(Debug, Default)]
struct Watched {
    so_far: u64,
    runs: BTreeMap<u64, (Run, Process)>,
}

/// The descriptor of a run's process.
type Process = Arc<OwnedFd>;

/// What the trail says of a run's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It was seen.
    Seen,
    /// It came while no daemon watched.
    Unseen,
    /// Whether it has come is not known.
    Unknown,
}

impl Runs {
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are not over, the longest first.
    pub(super) fn all(&self) -> Vec<Run> {
        self.watched().runs.values().map(|(run, _)| run.clone()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.watched().runs.is_empty()
    }

    /// Hands over all of them, for a daemon to come to [`take_up`]. No task watches them any more.
    pub(super) fn hand_over(&self) -> Vec<(Run, Process)> {
        std::mem::take(&mut self.watched().runs).into_values().collect()
    }

    fn enter(&self, run: &Run, process: &Process) -> Option<u64> {
        let mut watched = self.watched();
        if watched.runs.len() >= RUNS_MAX {
            return None;
        }
        watched.so_far += 1;
        let number = watched.so_far;
        watched.runs.insert(number, (run.clone(), Arc::clone(process)));
        Some(number)
    }

    /// Takes a run out. `None` if it was taken out before.
    fn leave(&self, number: u64) -> Option<Run> {
        self.watched().runs.remove(&number).map(|(run, _)| run)
    }
}

/// Watches a run until it is over and puts that on record. One that can't be
/// watched is on record as such.
pub(super) fn watch(daemon: &Arc<Daemon>, run: Run, process: Option<&OwnedFd>) {
    // A descriptor of its own: one can't be watched twice, and a connection may bring two runs.
    match process.and_then(|process| process.try_clone().ok()) {
        Some(process) => take_up(daemon, run, Arc::new(process)),
        None => record(daemon, &run, End::Unknown),
    }
}

/// Goes on watching a run that was handed over, or found again.
pub(super) fn take_up(daemon: &Arc<Daemon>, run: Run, process: Process) {
    let entered = daemon.runs.enter(&run, &process);
    let Some((process, number)) = watch_readable(process).ok().zip(entered) else {
        entered.and_then(|number| daemon.runs.leave(number));
        return record(daemon, &run, End::Unknown);
    };
    let daemon = Arc::clone(daemon);
    tokio::spawn(async move {
        // A descriptor of a process is readable from when it has ended (pidfd_open(2)).
        let seen = process.readable().await.is_ok();
        if let Some(run) = daemon.runs.leave(number) {
            record(&daemon, &run, if seen { End::Seen } else { End::Unknown });
        }
    });
}

/// Puts the one end of a run on record.
fn record(daemon: &Daemon, run: &Run, end: End) {
    let (outcome, took) = match end {
        End::Seen => ("ended", Some(now().saturating_sub(run.begun))),
        End::Unseen => ("ended-unwatched", None),
        End::Unknown => ("not-watched", None),
    };
    let event = SecretOperationAudit {
        time: stamp(),
        requester: &run.requester,
        pid: run.pid,
        operation: "run-end",
        profiles: run.profiles.iter().map(String::as_str).collect(),
        outcome,
        project: run.project.as_deref(),
        command: run.command.as_deref(),
        since: Some(&run.since),
        duration_ms: took.map(millis),
        ..SecretOperationAudit::default()
    };
    tracing::info!(requester = event.requester, pid = run.pid, outcome, "run");
    // It has ended whether that is on record or not: nothing is left to be held back.
    if let Err(error) = daemon.trail.append(&event, now()) {
        tracing::error!(%error, "the audit trail can't be written");
    }
}
