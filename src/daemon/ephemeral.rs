//! The daemon's ephemeral key of the next handshake, made ahead.
//!
//! In a handshake the client waits for four multiplications of the daemon's. Two of them
//! depend on nothing but the client's static key, and nearly every client is the launcher.
//! So a moment after each handshake a pair is made for the next one, and what it shares with
//! the launcher's key is computed. A pair serves one handshake, whether or not that succeeds,
//! and is then wiped.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::Daemon;
use crate::wire::identity::{KeyPair, PublicStaticKey};

/// When the next pair is made: after the client is done. The scheduler likes to put both
/// on one processor, where the client would have to wait for it.
const AFTER: Duration = Duration::from_millis(2);

#[derive(Debug, Default)]
pub(super) struct NextEphemeral {
    pair: Mutex<Option<KeyPair>>,
    /// Set while one is to be made, so that a burst of handshakes makes it once.
    planned: AtomicBool,
}

/// Makes the pair for the next handshake when this one's client has gone its way.
pub(super) fn make_soon(daemon: &Arc<Daemon>) {
    if daemon.next_ephemeral.planned.swap(true, Ordering::Relaxed) {
        return;
    }
    let daemon = Arc::clone(daemon);
    tokio::spawn(async move {
        tokio::time::sleep(AFTER).await;
        daemon.next_ephemeral.planned.store(false, Ordering::Relaxed);
        daemon.next_ephemeral.make(&daemon.keys.launcher);
    });
}

impl NextEphemeral {
    /// The pair that was made ahead, for whoever asks first. Without one the handshake
    /// makes its own.
    pub(super) fn take(&self) -> Option<KeyPair> {
        self.pair.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Makes the next pair. Where there is no secret memory for it, there is none.
    pub(super) fn make(&self, launcher: &PublicStaticKey) {
        let pair = KeyPair::generate().and_then(|mut pair| {
            pair.remember(launcher)?;
            Ok(pair)
        });
        *self.pair.lock().unwrap_or_else(PoisonError::into_inner) = pair.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_was_made_ahead_serves_once_and_the_next_is_another() {
        let launcher = KeyPair::generate().unwrap();
        let next = NextEphemeral::default();
        assert!(next.take().is_none());
        next.make(launcher.public());
        let first = next.take().unwrap();
        assert!(first.shared().unwrap().with(launcher.public()).is_some());
        assert!(next.take().is_none());
        next.make(launcher.public());
        assert_ne!(next.take().unwrap().public(), first.public());
    }
}
