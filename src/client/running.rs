//! Whether a daemon runs, asked without waking one.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::Path,
};

use nix::fcntl::{Flock, FlockArg};

use crate::home::Home;

/// Whether a daemon holds its lock.
///
/// Connecting would tell as well, but where systemd listens on the socket it starts a
/// daemon; and trying the lock could make one that is just starting believe that there is
/// another. So the kernel's list of locks is read (proc_locks(5)). Where there is none,
/// there is no systemd either.
pub(super) fn holds_lock(home: &Home) -> bool {
    let Ok(lock) = fs::metadata(home.lock_file()) else { return false };
    fs::read_to_string("/proc/locks").map_or(true, |locks| listed(&locks, lock.ino()).is_some())
}

/// Whether a daemon holds its lock, in this PID namespace or in another one.
///
/// For when none can be reached. A daemon that is just starting, and finds the lock taken
/// for the moment in which it is tried here, tries it again.
pub(super) fn is_locked(home: &Home) -> bool {
    let Ok(lock) = File::open(home.lock_file()) else { return false };
    matches!(Flock::lock(lock, FlockArg::LockSharedNonblock), Err((_, nix::Error::EWOULDBLOCK)))
}

/// The process that holds the lock of a file, if the kernel tells.
pub(super) fn holder(lock: &Path) -> Option<u32> {
    listed(&fs::read_to_string("/proc/locks").ok()?, fs::metadata(lock).ok()?.ino())
}

/// The process of a line such as `1: FLOCK  ADVISORY  WRITE 708 fd:01:524301 0 EOF` that is
/// about the file with this number. Its device is not compared: some file systems show
/// another one.
fn listed(locks: &str, inode: u64) -> Option<u32> {
    let inode = inode.to_string();
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let is_flock = words.nth(1) == Some("FLOCK");
        let pid = words.nth(2)?.parse().ok()?;
        let file = words.next().and_then(|file| file.rsplit(':').next());
        (is_flock && file == Some(inode.as_str())).then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_found_by_its_file() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 fd:01:41 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 708 fd:01:42 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 709 fd:01:43 0 EOF\n";
        assert_eq!(listed(locks, 42), Some(708));
        for other in [2, 41, 43, 708] {
            assert!(listed(locks, other).is_none(), "{other}");
        }
    }
}
