//! A process that the kernel will end for want of memory: a control group with a limit.

use std::{fs, path::PathBuf};

/// A memory control group with one process in it. Gone when dropped, after the process.
pub(crate) struct Starved {
    group: PathBuf,
    counts: &'static str,
}

/// The two hierarchies: where they are, the files with their limits, which one says how
/// often the kernel has ended a process. Version 1, then 2 (cgroups(7)).
const HIERARCHIES: [(&str, &[&str], &str); 2] = [
    ("memory", &["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"], "memory.oom_control"),
    ("", &["memory.max", "memory.swap.max"], "memory.events"),
];

impl Starved {
    /// Allows a process `bytes` more than it has now; `None`, visibly, where that can't be done.
    pub(crate) fn new(pid: u32, bytes: u64) -> Option<Self> {
        let made = HIERARCHIES.into_iter().find_map(|(hierarchy, limits, counts)| {
            let root = PathBuf::from("/sys/fs/cgroup").join(hierarchy);
            let _ = fs::write(root.join("cgroup.subtree_control"), "+memory");
            let group = root.join(format!("pds-test-{pid}"));
            fs::create_dir(&group).ok()?;
            let starved = Self { group, counts };
            fs::write(starved.group.join(limits[0]), bytes.to_string()).ok()?;
            // Where swap is counted it must not be a way out.
            let _ = fs::write(starved.group.join(limits[1]), bytes.to_string());
            fs::write(starved.group.join("cgroup.procs"), pid.to_string()).ok()?;
            Some(starved)
        });
        if made.is_none() {
            eprintln!("skipped in part: no control group of memory can be made here");
        }
        made
    }

    /// Whether the kernel has ended a process of the group for want of memory.
    pub(crate) fn was_hit(&self) -> bool {
        let counts = fs::read_to_string(self.group.join(self.counts)).unwrap();
        let count = counts.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.unwrap().parse::<u64>().unwrap() > 0
    }
}

impl Drop for Starved {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.group);
    }
}
