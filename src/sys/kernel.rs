//! What the kernel offers here and what it holds this process to. Asks, and changes nothing.

/// The version of Landlock's rules that the kernel knows; `None` if it has none or they are
/// switched off (landlock_create_ruleset(2)).
#[must_use]
pub fn landlock_version() -> Option<u32> {
    const LANDLOCK_CREATE_RULESET_VERSION: libc::c_long = 1;
    let none = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag the call takes no structure: a null pointer and a length of 0.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            none,
            0 as libc::size_t,
            LANDLOCK_CREATE_RULESET_VERSION,
        )
    };
    u32::try_from(version).ok().filter(|version| *version > 0)
}

/// Whether the kernel takes filters of system calls (seccomp(2)).
#[must_use]
pub fn has_seccomp_filters() -> bool {
    const SECCOMP_GET_ACTION_AVAIL: libc::c_long = 2;
    let action: u32 = libc::SECCOMP_RET_KILL_PROCESS;
    // SAFETY: a pointer to a live u32, which the kernel reads.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SECCOMP_GET_ACTION_AVAIL,
            0 as libc::c_long,
            &raw const action,
        )
    };
    answer == 0
}

/// Whether this process may be looked into by others of its user (prctl(2)).
#[must_use]
pub fn is_dumpable() -> bool {
    // SAFETY: plain integers.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 }
}

/// The soft limit on locked memory in bytes (RLIMIT_MEMLOCK); `None` if there is none, or if
/// it does not count because the process may lock without limit (CAP_IPC_LOCK, by uid 0).
#[must_use]
pub fn locked_memory_limit_bytes() -> Option<u64> {
    limit(libc::RLIMIT_MEMLOCK).filter(|_| super::process::effective_uid() != 0)
}

/// The soft limit on core files in bytes (RLIMIT_CORE); `None` if there is none.
#[must_use]
pub fn core_limit_bytes() -> Option<u64> {
    limit(libc::RLIMIT_CORE)
}

/// The soft limit on the stack in bytes (RLIMIT_STACK), of which a quarter is all that
/// `execve` takes (execve(2)); `u64::MAX` if there is none.
#[must_use]
pub fn stack_limit_bytes() -> u64 {
    limit(libc::RLIMIT_STACK).unwrap_or(u64::MAX)
}

/// Whether there is a limit on the size of files (RLIMIT_FSIZE).
pub(crate) fn file_size_is_limited() -> bool {
    limit(libc::RLIMIT_FSIZE).is_some()
}

/// A soft limit; `None` if there is none. One that can't be read counts as 0.
fn limit(which: libc::__rlimit_resource_t) -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a pointer to a live, properly typed local.
    unsafe { libc::getrlimit(which, &raw mut limit) };
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}
