//! A descriptor that tokio watches.

use std::{io, os::fd::OwnedFd, sync::Arc};

use tokio::io::{Interest, unix::AsyncFd};

/// Registers `descriptor` with the event loop that this runs in, to be told once it is readable.
///
/// # Errors
/// What the kernel says, of a descriptor that can't be polled for instance.
///
/// # Panics
/// Outside of an event loop.
pub fn watch_readable(descriptor: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: an OwnedFd is open, is the same descriptor at every call, and stays so until
    // it is dropped, which the AsyncFd that shares it does last.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?)
}
