//! The socket: where it is, who may connect, and how many.

use std::{
    collections::VecDeque,
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{fs::FileTypeExt, net as unix},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use nix::sys::socket::{
    getsockopt,
    sockopt::{PeerCredentials, PeerPidfd},
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    task::AbortHandle,
};

use super::{Daemon, DaemonError, session};
use crate::sys::process::effective_uid;

/// Connections at once. Beyond, they wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 256;
/// Connections that have not shown who they are. Beyond, the oldest is closed.
const UNAUTHENTICATED_MAX: usize = 16;
/// How long accepting pauses when descriptors have run out: nothing but time helps.
const PAUSE_WHEN_EXHAUSTED: Duration = Duration::from_millis(50);

/// A listening socket, which goes from the file system when it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    inner: UnixListener,
    /// `None` for a socket that systemd made and keeps.
    path: Option<PathBuf>,
}

impl Listener {
    /// Binds `path`, replacing a socket that nobody listens on any more.
    ///
    /// Only under the daemon's lock, so that no live socket can be there. It is
    /// bound beside and renamed: there is never a moment without a socket that
    /// could be connected to, nor one with another mode.
    pub(super) fn bind(path: &Path) -> Result<Self, DaemonError> {
        let failed = |error| DaemonError::Socket { path: path.to_owned(), error };
        match path.symlink_metadata() {
            Ok(metadata) if !metadata.file_type().is_socket() => {
                let what = "is in the way of the socket";
                return Err(DaemonError::NotPrivate { path: path.to_owned(), what });
            }
            _ => {}
        }
        let beside = path.with_extension("new");
        let _ = fs::remove_file(&beside);
        let listener = unix::UnixListener::bind(&beside).map_err(failed)?;
        fs::rename(&beside, path).map_err(failed)?;
        Self::over(listener, Some(path.to_owned())).map_err(failed)
    }

    /// Takes a socket that systemd has bound (sd_listen_fds(3)).
    pub(super) fn adopt(listener: unix::UnixListener) -> io::Result<Self> {
        Self::over(listener, None)
    }

    fn over(listener: unix::UnixListener, path: Option<PathBuf>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { inner: UnixListener::from_std(listener)?, path })
    }

    /// Accepts for ever. Ends by being dropped.
    pub(super) async fn accept_for(&self, daemon: &Arc<Daemon>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let strangers = Arc::new(Strangers::default());
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let stream = match self.inner.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection");
                    tokio::time::sleep(PAUSE_WHEN_EXHAUSTED).await;
                    continue;
                }
            };
            let Some(caller) = Caller::of(&stream) else {
                continue;
            };
            let (daemon, arrived) = (Arc::clone(daemon), Arc::clone(&strangers));
            let ticket = strangers.next_ticket();
            let task = tokio::spawn(async move {
                let known = move || arrived.leave(ticket);
                session::serve(&daemon, stream, caller, known).await;
                drop(place);
            });
            strangers.enter(ticket, task.abort_handle());
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// The process at the other end, as the kernel knew it when it connected.
#[derive(Debug)]
pub(super) struct Caller {
    /// For the audit trail alone: 0 across PID namespaces, and reused in time.
    pub(super) pid: i32,
    /// That very process, whatever its number comes to mean; `None` before Linux 6.5.
    pub(super) process: Option<OwnedFd>,
}

impl Caller {
    /// Who connected; `None`, before a byte is read, if it is another user.
    fn of(stream: &UnixStream) -> Option<Self> {
        let credentials = getsockopt(stream, PeerCredentials).ok()?;
        let process = || getsockopt(stream, PeerPidfd).ok();
        (credentials.uid() == effective_uid())
            .then(|| Self { pid: credentials.pid(), process: process() })
    }
}

/// The connections that have not shown who they are, oldest first.
#[derive(Debug, Default)]
struct Strangers(Mutex<(u64, VecDeque<(u64, AbortHandle)>)>);

impl Strangers {
    fn next_ticket(&self) -> u64 {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 += 1;
        inner.0
    }

    fn enter(&self, ticket: u64, task: AbortHandle) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.retain(|(_, task)| !task.is_finished());
        if inner.1.len() >= UNAUTHENTICATED_MAX
            && let Some((_, oldest)) = inner.1.pop_front()
        {
            oldest.abort();
        }
        inner.1.push_back((ticket, task));
    }

    fn leave(&self, ticket: u64) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.retain(|(other, _)| *other != ticket);
    }
}
