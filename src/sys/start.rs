//! How the program starts: without Rust's runtime set-up, which would change
//! what the command inherits.
//!
//! Rust's own `main` ignores SIGPIPE and opens `/dev/null` on closed standard
//! descriptors. Both survive `execve`, so a command under `pds run` would see
//! them. The binary therefore defines C's `main` by [`entry!`](crate::entry)
//! and leaves signals alone; closed descriptors are filled for as long as this
//! process lives only.

use std::panic::AssertUnwindSafe;

/// Exit status when `pds` itself failed (env(1), timeout(1) and others use it so).
pub const EXIT_INTERNAL: i32 = 125;

/// Defines the program's entry symbol: `entry!(path::to::main)` where that is a
/// `fn() -> i32` whose result is the exit status.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        /// The entry symbol that the C runtime calls.
        #[unsafe(no_mangle)]
        pub extern "C" fn main() -> i32 {
            $crate::sys::start::start(|| $main())
        }
    };
}

/// Runs `main` with the standard descriptors filled and panics contained.
pub fn start(main: impl FnOnce() -> i32) -> i32 {
    fill_standard_descriptors();
    super::process::silence_panics();
    // A panic may not cross into C. Unwinding to here runs every drop on the
    // way, and those wipe.
    std::panic::catch_unwind(AssertUnwindSafe(main)).unwrap_or(EXIT_INTERNAL)
}

/// Opens `/dev/null` on each closed standard descriptor, close-on-exec.
///
/// Without this a socket of ours could become descriptor 2 and be sent error
/// messages. With it, the command still finds closed what its caller closed. The stand-in
/// for standard output is opened for reading, so that writing data which nobody receives is
/// an error and no success.
fn fill_standard_descriptors() {
    for fd in 0..=2 {
        // SAFETY: fcntl with F_GETFD only asks; open gets a NUL-terminated
        // constant. The lowest free number is `fd`, as all below it are open.
        unsafe {
            if libc::fcntl(fd, libc::F_GETFD) == -1 {
                let mode = if fd == 1 { libc::O_RDONLY } else { libc::O_RDWR };
                libc::open(c"/dev/null".as_ptr(), mode | libc::O_CLOEXEC);
            }
        }
    }
}
