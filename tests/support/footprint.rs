//! What the daemon takes of the machine: memory, locked memory, descriptors.

use std::fs;

use super::{Sandbox, until};

/// What one message may hold while it is read, twice over for its growing, and what the
/// allocator keeps: what is beyond was not given back.
const SLACK_KIB: u64 = 24 << 10;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Footprint {
    pid: u32,
    rss_kib: u64,
    locked_kib: u64,
    files: usize,
}

impl Footprint {
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        Self::of_process(sandbox.daemon_pid().unwrap())
    }

    fn of_process(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        // Only root may count the descriptors of a process that is not dumpable.
        let files = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        Self { pid, rss_kib: field("VmRSS:"), locked_kib: field("VmLck:"), files }
    }

    /// It comes back to what it was, in the same process.
    #[track_caller]
    pub(crate) fn assert_no_more_than(&self, before: &Self) {
        assert_eq!(self.pid, before.pid, "another daemon runs");
        until("the daemon gives back what it took", || {
            let now = Self::of_process(before.pid);
            now.rss_kib < before.rss_kib + SLACK_KIB
                && now.locked_kib < before.locked_kib + SLACK_KIB
                && now.files <= before.files + 1
        });
    }
}
