//! A socket's file: made without a moment in which others could get at it, and taken away
//! again if it is still ours.

use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{FileTypeExt, MetadataExt, PermissionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::DaemonError;

/// How often the paths by which clients find the daemon are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Where a socket was bound, and which file it is there.
#[derive(Debug)]
struct Bound {
    path: PathBuf,
    file: (u64, u64),
}

impl Bound {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: identity(path)? })
    }

    /// Whether the path leads to it.
    fn is_there(&self) -> bool {
        identity(&self.path).is_ok_and(|file| file == self.file)
    }

    /// Whether the path leads to the socket of somebody else, or nowhere.
    fn is_lost(&self) -> bool {
        identity(&self.path).map_or_else(|error| is_missing(&error), |file| file != self.file)
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    path.symlink_metadata().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Whether there is nothing, and not just nothing to be seen.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A listening socket, which goes from the file system when it is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    inner: Arc<OwnedFd>,
    /// `None` for a socket that systemd made and keeps.
    bound: Option<Bound>,
}

impl Socket {
    /// Binds `path`, replacing a socket that nobody listens on any more.
    ///
    /// Only under the daemon's lock, so that no live socket can be there. It is
    /// bound beside and renamed: there is never a moment without a socket that
    /// could be connected to, nor one with another mode.
    pub(super) fn bind(path: &Path) -> Result<Self, DaemonError> {
        Self::bind_for(path, 0o600)
    }

    /// As [`bind`](Self::bind), with another mode than 0600.
    pub(super) fn bind_for(path: &Path, mode: u32) -> Result<Self, DaemonError> {
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
        let inner = UnixListener::bind(&beside).map_err(failed)?;
        fs::set_permissions(&beside, fs::Permissions::from_mode(mode)).map_err(failed)?;
        fs::rename(&beside, path).map_err(failed)?;
        let bound = Bound::new(path).map_err(failed)?;
        Ok(Self { inner: Arc::new(inner.into()), bound: Some(bound) })
    }

    /// Takes a socket that systemd has bound (sd_listen_fds(3)).
    pub(super) fn adopt(inner: UnixListener) -> Self {
        Self { inner: Arc::new(inner.into()), bound: None }
    }

    /// Its descriptor, which is readable from when somebody has connected.
    pub(super) fn descriptor(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.inner)
    }

    /// The same socket under a descriptor of its own.
    pub(super) fn another(&self) -> io::Result<UnixListener> {
        self.inner.try_clone().map(UnixListener::from)
    }

    /// Waits until nobody finds the daemon any more, and logs why. Whoever can't reach it
    /// can't lock it either.
    ///
    /// No daemon of ours takes another's place without the lock. systemd does, when its
    /// socket is enabled while a daemon runs. The runtime folder goes when its user logs
    /// out, and `keys` are files without which no launcher gets in: a next daemon makes
    /// them anew.
    pub(super) async fn lost(&self, keys: &[PathBuf]) {
        loop {
            if self.bound.as_ref().is_some_and(Bound::is_lost) {
                return tracing::warn!("the socket is gone, or another's");
            }
            if keys.iter().any(|key| identity(key).is_err_and(|error| is_missing(&error))) {
                return tracing::warn!("a key that the launcher needs is gone");
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(bound) = self.bound.as_ref().filter(|bound| bound.is_there()) {
            let _ = fs::remove_file(&bound.path);
        }
    }
}
