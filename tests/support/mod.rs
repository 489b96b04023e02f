mod absent;
mod footprint;
mod nobody;
mod outcome;
mod sandbox;
mod scanner;
mod starved;
mod stranger;
mod tap;
mod terminal;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

pub(crate) use absent::{MEMFD_SECRET, NO_SUCH_CALL, WITHOUT_CALLS};
pub(crate) use footprint::Footprint;
pub(crate) use nobody::as_nobody;
pub(crate) use outcome::{Outcome, Pds};
pub(crate) use sandbox::{Sandbox, is_root, program};
pub(crate) use scanner::Patterns;
pub(crate) use starved::Starved;
pub(crate) use stranger::{Stranger, connect, read_frame};
pub(crate) use tap::Tap;
pub(crate) use terminal::Terminal;

/// No claim is about time: this only ends a test that would hang.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn is_running(pid: u32) -> bool {
    // A zombie of a container without a reaper has ended too.
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
