//! The daemon's folders, its lock and its keys: made once, checked at each start.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};

use super::DaemonError;
use crate::{
    home::Home,
    sys::process::effective_uid,
    wire::identity::{KeyPair, PublicStaticKey},
};

/// Makes the daemon's folders, or checks that those which are there are the user's alone.
pub(super) fn prepare_folders(home: &Home) -> Result<(), DaemonError> {
    let vaults = home.vaults();
    let audit = home.audit();
    for folder in [&home.data, &home.state, &home.runtime, &vaults, &audit] {
        make_folder(folder)?;
        check_folder(folder, OPEN)?;
    }
    make_folder(&home.clients())?;
    check_folder(&home.clients(), OPEN)?;
    // Others may pass through, where they can get at it at all: the folder that it
    // is in lets nobody in, so that it takes a bind mount.
    let sockets = home.client_sockets();
    make_folder(&sockets)?;
    check_folder(&sockets, WRITABLE)?;
    fs::set_permissions(&sockets, Permissions::from_mode(0o711))
        .map_err(|error| DaemonError::Folder { path: sockets, error })?;
    // Made here because a confined daemon could not look into one that is made
    // later. The user may let others read it, but not write.
    make_folder(&home.config)?;
    check_folder(&home.config, WRITABLE)
}

/// The bits of a mode that let others in at all, and those that let them write.
const OPEN: u32 = 0o077;
const WRITABLE: u32 = 0o022;

fn make_folder(folder: &Path) -> Result<(), DaemonError> {
    private_folder(folder).map_err(|error| DaemonError::Folder { path: folder.to_owned(), error })
}

/// Makes a folder of the user's alone, and its parents, where there are none.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn check_folder(folder: &Path, refused: u32) -> Result<(), DaemonError> {
    let refuse = |what| Err(DaemonError::NotPrivate { path: folder.to_owned(), what });
    let metadata = folder
        .symlink_metadata()
        .map_err(|error| DaemonError::Folder { path: folder.to_owned(), error })?;
    if !metadata.is_dir() {
        return refuse("is not a folder, or is a symbolic link");
    }
    if metadata.uid() != effective_uid() {
        return refuse("belongs to another user");
    }
    if metadata.mode() & refused != 0 {
        return refuse("is open to other users");
    }
    Ok(())
}

/// The one daemon's lock, held for as long as the process lives. It holds the
/// path of the socket, for clients whose environment names no runtime folder.
#[derive(Debug)]
pub(super) struct Lock {
    file: Flock<File>,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock; `None` if another daemon has it.
    pub(super) fn take(home: &Home) -> Result<Option<Self>, DaemonError> {
        let path = home.lock_file();
        let failed = |error| DaemonError::File { path: path.clone(), error };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(&path)
            .map_err(failed)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Some(Self { file, path })),
            Err((_, nix::Error::EWOULDBLOCK)) => Ok(None),
            Err((_, error)) => Err(failed(error.into())),
        }
    }

    /// Tells clients where the socket is.
    pub(super) fn publish(&mut self, socket: &Path) -> Result<(), DaemonError> {
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.write_all(socket.as_os_str().as_bytes())
        };
        write(&mut self.file).map_err(|error| DaemonError::File { path: self.path.clone(), error })
    }
}

/// The static keys of the daemon and of the launcher.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) daemon: KeyPair,
    pub(super) launcher: PublicStaticKey,
}

/// Reads the keys, making them at the first start. Only under the [`Lock`], or
/// two daemons could each make their own.
pub(super) fn keys(home: &Home) -> Result<Keys, DaemonError> {
    let mut daemon = key_pair(&home.daemon_key())?;
    let public = home.daemon_public_key();
    if fs::read(&public).ok().as_deref() != Some(daemon.public().as_slice()) {
        write_private(&public, daemon.public())?;
    }
    let mut launcher = key_pair(&home.launcher_key())?;
    if launcher.shared().and_then(|shared| shared.with(daemon.public())).is_none() {
        launcher.remember(daemon.public())?;
        write_private(&home.launcher_key(), launcher.to_file_bytes()?.expose())?;
    }
    daemon.remember(launcher.public())?;
    Ok(Keys { daemon, launcher: *launcher.public() })
}

fn key_pair(path: &Path) -> Result<KeyPair, DaemonError> {
    let failed = |error| DaemonError::File { path: path.to_owned(), error };
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC;
    match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(mut file) => {
            let metadata = file.metadata().map_err(failed)?;
            if metadata.uid() != effective_uid() || metadata.mode() & 0o077 != 0 {
                let what = "belongs to another user, or is open to others";
                return Err(DaemonError::NotPrivate { path: path.to_owned(), what });
            }
            let pair = KeyPair::read(&mut file).map_err(failed)?;
            pair.ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let pair = KeyPair::generate()?;
            write_private(path, pair.to_file_bytes()?.expose())?;
            Ok(pair)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Writes a small file of the user's alone: whole or not at all, and for good.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), DaemonError> {
    let beside = path.with_extension("new");
    let write = || {
        // A leftover of a start that was killed.
        let _ = fs::remove_file(&beside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(|error| DaemonError::File { path: path.to_owned(), error })
}
