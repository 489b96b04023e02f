//! Whether a daemon runs, asked without waking one.

use std::{fs, os::unix::fs::MetadataExt};

use crate::home::Home;

/// Whether a daemon holds its lock.
///
/// Connecting would tell as well, but where systemd listens on the socket it starts a
/// daemon; and trying the lock could make one that is just starting believe that there is
/// another. So the kernel's list of locks is read (proc_locks(5)). Where there is none,
/// there is no systemd either.
pub(super) fn holds_lock(home: &Home) -> bool {
    let Ok(lock) = fs::metadata(home.lock_file()) else { return false };
    fs::read_to_string("/proc/locks").map_or(true, |locks| lists(&locks, lock.ino()))
}

/// Whether a line such as `1: FLOCK  ADVISORY  WRITE 708 fd:01:524301 0 EOF` is about the
/// file with this number. Its device is not compared: some file systems show another one.
fn lists(locks: &str, inode: u64) -> bool {
    locks.lines().any(|line| {
        let mut words = line.split_whitespace();
        let is_flock = words.nth(1) == Some("FLOCK");
        let file = words.nth(3).and_then(|file| file.rsplit(':').next());
        is_flock && file == Some(inode.to_string().as_str())
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
        assert!(lists(locks, 42));
        for other in [2, 41, 43, 708] {
            assert!(!lists(locks, other), "{other}");
        }
    }
}
