//! The user's keyring in the kernel: keyrings(7), user-keyring(7), add_key(2), keyctl(2).
//!
//! A key there is in no file and in no process's memory, ends by its timeout, and can be
//! revoked by any process of the user. The libraries for it are not linked: these are five
//! system calls.
//!
//! **Rights.** A process possesses the user's keyring (`@u`) only where its session keyring
//! links to it, which pam_keyinit(8) sees to and a systemd service or a cron job may lack.
//! What is not possessed is reached by the rights of its owner alone, and a fresh key gives
//! its owner none but to see it. So a key is made in the process's own keyring, which is
//! always possessed and ends with the process; gets its rights and its timeout there; and
//! only then is linked into `@u`, whole.

use std::{
    ffi::{CStr, CString},
    io,
    time::Duration,
};

const TYPE: &CStr = c"user";
/// All rights for possessor and owner, none for group and others (keyctl_setperm(3)).
/// The owner needs: to search and read, for the launcher; to write, for the daemon's
/// revoking; to link.
const RIGHTS: libc::c_ulong = 0x3f3f_0000;

/// Puts a key into the user's keyring, in the place of one with the same name, to end by
/// itself after `lifetime` (at least a second).
///
/// # Errors
/// What the kernel says: ENOSYS or EPERM where there are no keyrings, EDQUOT beyond the
/// user's quota.
pub fn put(name: &str, payload: &[u8], lifetime: Duration) -> io::Result<()> {
    let own = spec(libc::KEY_SPEC_PROCESS_KEYRING);
    let name = CString::new(name)?;
    // SAFETY: both strings end with a NUL and live beyond the call, pointer and length are
    // those of a live slice; the kernel copies all of them.
    let made = unsafe {
        libc::syscall(
            libc::SYS_add_key,
            TYPE.as_ptr(),
            name.as_ptr(),
            payload.as_ptr(),
            payload.len(),
            own,
        )
    };
    let key = serial(made)?;
    let seconds = lifetime.as_millis().div_ceil(1000).clamp(1, u128::from(u32::MAX));
    let outcome = keyctl(libc::KEYCTL_SETPERM, key, RIGHTS)
        .and_then(|_| keyctl(libc::KEYCTL_SET_TIMEOUT, key, seconds as libc::c_ulong))
        .and_then(|_| keyctl(libc::KEYCTL_LINK, key, spec(libc::KEY_SPEC_USER_KEYRING)));
    // Whether or not it is in the user's keyring now, it is no longer in the process's.
    let _ = keyctl(libc::KEYCTL_UNLINK, key, own);
    outcome.map(drop)
}

/// Reads a key straight into `payload`; false if there is none of that name and length, or
/// it was revoked or has ended.
///
/// # Errors
/// What the kernel says: ENOSYS or EPERM where there are no keyrings.
pub fn get(name: &str, payload: &mut [u8]) -> io::Result<bool> {
    let Some(key) = find(name)? else { return Ok(false) };
    // SAFETY: pointer and length are those of a live, writable slice, and the kernel writes
    // no more than that.
    let read = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            libc::c_ulong::from(libc::KEYCTL_READ),
            key,
            payload.as_mut_ptr(),
            payload.len(),
        )
    };
    match serial(read) {
        Ok(len) => Ok(usize::try_from(len) == Ok(payload.len())),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Revokes a key, which wipes it, and takes it out of the user's keyring; false if there is
/// none of that name.
///
/// # Errors
/// As [`get`].
pub fn revoke(name: &str) -> io::Result<bool> {
    let Some(key) = find(name)? else { return Ok(false) };
    match keyctl(libc::KEYCTL_REVOKE, key, 0) {
        Ok(_) => {}
        Err(error) if is_gone(&error) => {}
        Err(error) => return Err(error),
    }
    // Only so that it does not count against the quota until the kernel cleans up.
    let _ = keyctl(libc::KEYCTL_UNLINK, key, spec(libc::KEY_SPEC_USER_KEYRING));
    Ok(true)
}

fn find(name: &str) -> io::Result<Option<libc::c_ulong>> {
    let name = CString::new(name)?;
    // SAFETY: both strings end with a NUL and live beyond the call.
    let found = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            libc::c_ulong::from(libc::KEYCTL_SEARCH),
            spec(libc::KEY_SPEC_USER_KEYRING),
            TYPE.as_ptr(),
            name.as_ptr(),
            0 as libc::c_ulong,
        )
    };
    match serial(found) {
        Ok(key) => Ok(Some(key)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_gone(error: &io::Error) -> bool {
    let gone = [libc::ENOKEY, libc::EKEYREVOKED, libc::EKEYEXPIRED];
    error.raw_os_error().is_some_and(|code| gone.contains(&code))
}

/// A keyctl(2) whose arguments are all numbers.
fn keyctl(operation: u32, key: libc::c_ulong, value: libc::c_ulong) -> io::Result<libc::c_ulong> {
    let operation = libc::c_ulong::from(operation);
    // SAFETY: the operations that this is called with take numbers and no pointer.
    serial(unsafe { libc::syscall(libc::SYS_keyctl, operation, key, value, 0, 0) })
}

/// A special keyring's number, which is negative, as an argument of a system call.
fn spec(keyring: i32) -> libc::c_ulong {
    libc::c_long::from(keyring) as libc::c_ulong
}

fn serial(outcome: libc::c_long) -> io::Result<libc::c_ulong> {
    libc::c_ulong::try_from(outcome).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Whether this place has keyrings; many containers have none.
    fn has_keyring(name: &str) -> bool {
        let made = put(name, b"probe", HOUR);
        if let Err(error) = &made {
            assert!(matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)), "{error}");
            #[allow(clippy::print_stderr, reason = "a test that is skipped should say so")]
            let () = eprintln!("skipped: no keyring here: {error}");
        }
        made.is_ok()
    }

    fn named(what: &str) -> String {
        format!("pds:test:{}:{what}", std::process::id())
    }

    #[test]
    fn a_key_is_read_as_it_was_put_and_the_last_one_counts() {
        let name = named("put");
        if !has_keyring(&name) {
            return;
        }
        put(&name, b"four", HOUR).unwrap();
        let mut payload = [0; 4];
        assert!(get(&name, &mut payload).unwrap());
        assert_eq!(&payload, b"four");
        put(&name, b"five", HOUR).unwrap();
        assert!(get(&name, &mut payload).unwrap());
        assert_eq!(&payload, b"five");
        assert!(!get(&name, &mut [0; 3]).unwrap(), "of another length");
        revoke(&name).unwrap();
    }

    #[test]
    fn a_revoked_key_is_gone_and_a_missing_one_is_no_error() {
        let name = named("revoke");
        if !has_keyring(&name) {
            return;
        }
        assert!(revoke(&name).unwrap());
        assert!(!get(&name, &mut [0; 5]).unwrap());
        assert!(!revoke(&name).unwrap());
    }

    #[test]
    fn a_key_ends_by_its_timeout() {
        let name = named("timeout");
        if !has_keyring(&name) {
            return;
        }
        put(&name, b"short", Duration::from_millis(1)).unwrap();
        let begun = std::time::Instant::now();
        while get(&name, &mut [0; 5]).unwrap() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
