//! An end to the process by a clock, whatever it waits for then.

use std::time::Duration;

/// Ends this process with status 0 and no word when `time` is over, whatever it is
/// doing: connecting to a daemon that is stopped, reading from a disk that is asleep.
///
/// For what nobody waits for longer, and in a process that has nothing to clean up: no
/// drop runs. [`cancel`] calls it off.
pub fn end_after(time: Duration) {
    extern "C" fn end(_: libc::c_int) {
        // SAFETY: _exit is async-signal-safe (signal-safety(7)).
        unsafe { libc::_exit(0) }
    }
    // SAFETY: the handler is a function of the type that signal(2) wants and calls only
    // what a handler may; the set is a live local that sigemptyset fills.
    unsafe {
        libc::signal(libc::SIGALRM, end as *const () as libc::sighandler_t);
        let mut only = std::mem::zeroed();
        libc::sigemptyset(&raw mut only);
        libc::sigaddset(&raw mut only, libc::SIGALRM);
        // A caller may have blocked it, and that is inherited.
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const only, std::ptr::null_mut());
    }
    set(time);
}

/// Calls [`end_after`] off.
pub fn cancel() {
    set(Duration::ZERO);
}

fn set(time: Duration) {
    let once = libc::itimerval {
        it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
        it_value: libc::timeval {
            tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_usec: time.subsec_micros().into(),
        },
    };
    // SAFETY: a pointer to a live, typed local, and none for the old value.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const once, std::ptr::null_mut()) };
}
