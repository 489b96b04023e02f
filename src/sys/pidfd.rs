//! A process by a descriptor of it, whatever its number comes to mean (pidfd_open(2)).

use std::{
    io,
    os::fd::{AsFd, FromRawFd, OwnedFd},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        stat::fstat,
        statfs::{FsType, fstatfs},
    },
};

/// The magic number of the file system that descriptors of processes are in since Linux 6.9
/// (`PID_FS_MAGIC` of linux/magic.h).
const PID_FS_MAGIC: FsType = FsType(0x5049_4446);

/// Opens the process that has this number now.
///
/// # Errors
/// What the kernel says: `ESRCH` where there is none, `EINVAL` or `ENOENT` where the number
/// is that of a thread which leads no process.
pub fn open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: plain integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0 as libc::c_uint) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just opened it for this caller, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What no other process has had or will have until the machine starts anew: the inode number
/// of its descriptors. `None` before Linux 6.9, where all of them share one.
#[must_use]
pub fn unique_number(process: impl AsFd) -> Option<u64> {
    let process = process.as_fd();
    let is_of_its_own = fstatfs(process).ok()?.filesystem_type() == PID_FS_MAGIC;
    is_of_its_own.then(|| fstat(process).ok()).flatten().map(|status| status.st_ino)
}

/// Whether a process has ended, though it may not have been waited for.
#[must_use]
pub fn has_ended(process: impl AsFd) -> bool {
    let mut watched = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    poll(&mut watched, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_told_from_others_and_its_end_is_seen_before_it_is_waited_for() {
        let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let number = |pid: u32| unique_number(open(i32::try_from(pid).unwrap()).unwrap());
        let process = open(i32::try_from(cat.id()).unwrap()).unwrap();
        assert_eq!(number(cat.id()), unique_number(&process));
        if unique_number(&process).is_some() {
            assert_ne!(number(cat.id()), number(std::process::id()));
        }
        assert!(!has_ended(&process));
        drop(cat.stdin.take());
        // Returns without having taken the exit status.
        let mut ends = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        poll(&mut ends, PollTimeout::NONE).unwrap();
        assert!(has_ended(&process));
        cat.wait().unwrap();
        assert_eq!(
            open(i32::try_from(cat.id()).unwrap()).unwrap_err().raw_os_error(),
            Some(libc::ESRCH)
        );
        assert!(open(0).is_err());
    }
}
