//! What the process is to others: unreadable, without core dumps, with private files.

use std::{ffi::CStr, io};

/// What [`harden`] changed and the command must get back, because `execve` keeps it.
///
/// Dumpability is not in here: `execve` sets it again by itself.
#[derive(Debug, Clone, Copy)]
pub struct Inherited {
    umask: libc::mode_t,
    core_limit: libc::rlimit,
}

/// Makes this process unreadable to others of the same user, keeps it from
/// dumping core, and makes every file it creates private.
///
/// Not dumpable means: `/proc/PID/{environ,maps,mem,fd}`, `ptrace`, `pidfd_getfd`
/// and `process_vm_readv` are refused (prctl(2), ptrace(2)), and no core is
/// written whatever `core_pattern` says, which RLIMIT_CORE does not achieve
/// when that names a pipe (core(5)). Only the soft limit is lowered: the hard
/// one could not be given back.
pub fn harden() -> Inherited {
    let mut core_limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: all four calls take plain integers or a pointer to a live,
    // properly typed local; none touches memory of anybody else.
    unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        libc::getrlimit(libc::RLIMIT_CORE, &raw mut core_limit);
        let none = libc::rlimit { rlim_cur: 0, rlim_max: core_limit.rlim_max };
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        Inherited { umask: libc::umask(0o077), core_limit }
    }
}

impl Inherited {
    /// Gives back what [`harden`] changed, as the last act before `execve`.
    pub fn restore(&self) {
        // SAFETY: plain integers and a pointer to a live, typed field.
        unsafe {
            libc::umask(self.umask);
            libc::setrlimit(libc::RLIMIT_CORE, &raw const self.core_limit);
        }
    }
}

/// What the daemon gives up beyond [`harden`]: privileges by `execve`, core
/// dumps for good, and death by a full disk's or a gone peer's signal.
///
/// # Errors
/// If the kernel refuses to give privileges up.
pub fn harden_daemon() -> io::Result<()> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: plain integers, a pointer to a live local, and SIG_IGN, which runs no code.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        // A file size limit or a closed socket must be an error to handle, not an end.
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether this thread is all that runs in this memory. False too where the kernel does not
/// say so.
#[must_use]
pub(super) fn is_alone() -> bool {
    // SAFETY: plain flags. With this one the call changes nothing, and succeeds only where
    // the caller's memory is its own alone (unshare(2)).
    unsafe { libc::unshare(libc::CLONE_VM) == 0 }
}

/// The effective user id of this process.
#[must_use]
pub fn effective_uid() -> u32 {
    // SAFETY: geteuid has no precondition and can't fail.
    unsafe { libc::geteuid() }
}

/// Puts the default action of `signal` back and sends it to this process, so
/// that whoever waits for it sees what really ended it.
pub(crate) fn raise_by_default(signal: libc::c_int) {
    // SAFETY: SIG_DFL runs no code of ours; raise takes an integer.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// Ends the process at once with a message that holds no data, allocating nothing.
pub(crate) fn die(why: &str) -> ! {
    for part in ["pds: ", why, "\n"] {
        // SAFETY: the pointer and length are those of a live str.
        unsafe { libc::write(libc::STDERR_FILENO, part.as_ptr().cast(), part.len()) };
    }
    std::process::abort()
}

/// Makes a panic say where it happened and nothing of what was in hand: the
/// payload may have been formatted from anything.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let (file, line) = panic.location().map_or(("?", 0), |at| (at.file(), at.line()));
        let message = format!("pds: internal error at {file}:{line}\n");
        // SAFETY: the pointer and length are those of a live String.
        unsafe { libc::write(libc::STDERR_FILENO, message.as_ptr().cast(), message.len()) };
    }));
}

/// A descriptor that systemd handed over by `LISTEN_FDS`, as an owned one.
///
/// `number` counts from 0; the descriptor is 3 + `number` (sd_listen_fds(3)).
/// `None` if it is not open. It becomes close-on-exec.
#[must_use]
pub fn take_passed_descriptor(number: i32) -> Option<std::os::fd::OwnedFd> {
    use std::os::fd::FromRawFd;
    const FIRST: i32 = 3;
    let fd = FIRST.checked_add(number)?;
    // SAFETY: fcntl on any number is harmless, and fails if it is not open.
    let open = unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } == 0;
    // SAFETY: the descriptor is open and, by the protocol, ours; the caller
    // asks for each number once, before anything else could own it.
    open.then(|| unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) })
}

/// Keeps an inherited descriptor from the program that this process becomes: `execve` will
/// close it. A standard one leads to `/dev/null` from now on, because programs take it for
/// granted that they have three; but a terminal, from which nothing can be read again, stays.
pub fn withhold_descriptor(fd: i32) {
    // SAFETY: the path is a C string, and calls on a number that is not open only fail. What
    // a standard descriptor leads to is nobody's to own, so none is closed under its owner.
    unsafe {
        if fd > libc::STDERR_FILENO {
            libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
        } else if libc::isatty(fd) == 0 {
            let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
            if null >= 0 && libc::dup2(null, fd) == fd && null != fd {
                libc::close(null);
            }
        }
    }
}

/// Keeps all inherited descriptors but the standard ones from the programs that this process
/// starts from now on.
pub fn withhold_descriptors() {
    const FIRST: libc::c_uint = libc::STDERR_FILENO as libc::c_uint + 1;
    /// How many a process usually may have, for kernels that can't do it in one go.
    const USUAL_MAX: libc::c_int = 1_024;
    // SAFETY: plain integers; only flags of descriptors change, and calls on numbers that
    // are not open only fail.
    unsafe {
        let flag = libc::CLOSE_RANGE_CLOEXEC;
        if libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, flag) != 0 {
            for fd in FIRST as libc::c_int..USUAL_MAX {
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            }
        }
    }
}

/// The environment this process was started with: each entry as the bytes of
/// `NAME=VALUE` with its NUL, where the kernel put them. Nothing is copied.
pub fn environment() -> impl Iterator<Item = &'static CStr> {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    // SAFETY: libc sets `environ` before main, and nothing in this crate ever
    // changes the environment (clippy.toml forbids set_var), so that the array
    // and its strings stay as they are for the whole run.
    let mut entry = unsafe { environ };
    std::iter::from_fn(move || {
        // SAFETY: the array ends with a null pointer, at which we stop.
        let string = unsafe {
            if entry.is_null() || (*entry).is_null() {
                return None;
            }
            let string = CStr::from_ptr(*entry);
            entry = entry.add(1);
            string
        };
        Some(string)
    })
}
