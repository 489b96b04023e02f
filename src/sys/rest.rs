//! A process that rests: without secret memory, and as it was when it wakes.
//!
//! The kernel does not hibernate while any process has secret memory. A daemon that only
//! waits has wiped all that it had there; what remains is what SQLite and OpenSSL never
//! give back, their own state, in which no key of a vault is.

use super::{arena, process, spare, stack};

/// Another thread could be using the libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("other threads run, or the kernel does not say that none do")]
pub struct NotAlone;

/// Gives up each region of secret memory that holds nothing, and moves what the libraries
/// keep out of it, at the same addresses. A value or a key that still lives stays where it is.
///
/// # Errors
/// [`NotAlone`], and what the libraries keep has not been touched.
pub fn begin() -> Result<(), NotAlone> {
    stack::give_up();
    spare::give_up();
    arena::give_up_unused();
    // SAFETY: this is the one thread, and runs none of the libraries' code meanwhile.
    move_libraries(|region| unsafe { region.leave_secret_memory() })
}

/// Moves it back. What the kernel has no secret memory for is reported as degraded from now on.
///
/// # Errors
/// [`NotAlone`], and what the libraries keep stays where it is.
pub fn end() -> Result<(), NotAlone> {
    // SAFETY: as in `begin`.
    move_libraries(|region| unsafe { region.enter_secret_memory() })
}

fn move_libraries(change: impl FnMut(&mut super::Region)) -> Result<(), NotAlone> {
    if !process::is_alone() {
        return Err(NotAlone);
    }
    arena::each_region_of_libraries(change);
    Ok(())
}
