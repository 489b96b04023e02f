//! The files that a client needs, and whether they are its own.
//!
//! The launcher trusts the daemon's public key because the folder that it lies
//! in is the user's own and nobody else's to write to. So that is checked, and
//! the socket's folder too: a socket that another user could replace would get
//! a password typed into it.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::{
        ffi::OsStringExt,
        fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use super::{
    ClientError,
    line::{Awaited, Line},
};
use crate::{
    home::Home,
    sys::process::effective_uid,
    wire::identity::{KEY_FILE_MAX_BYTES, KeyPair, PublicStaticKey},
};

/// The lock file holds a path, which has at most this many bytes here.
const LOCK_MAX_BYTES: usize = 4_096;

/// Where the daemon is, who it is, and who we are.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) socket: PathBuf,
    pub(super) daemon: PublicStaticKey,
    pub(super) key: KeyPair,
    /// Whether this is an enrolled client's, and not the launcher's.
    pub(super) is_enrolled: bool,
}

impl Endpoint {
    /// Reads what a daemon has left for its clients; `None` if none ever did.
    pub(super) fn find(home: &Home) -> Result<Option<Self>, ClientError> {
        if let Some(file) = &home.client_key {
            return Self::of_client(file).map(Some);
        }
        if !is_private_folder(&home.data)? {
            return Ok(None);
        }
        let Some(mut key_file) = open_own(&home.launcher_key())? else {
            return Ok(None);
        };
        let key = KeyPair::read(&mut key_file)?.ok_or(ClientError::Malformed)?;
        let Some(mut public) = open_own(&home.daemon_public_key())? else {
            return Ok(None);
        };
        let mut daemon = PublicStaticKey::default();
        public.read_exact(&mut daemon)?;
        // The daemon may have another environment than a client of cron or sudo,
        // and so another runtime folder: its lock says where its socket is.
        let socket = locked_socket(&home.lock_file())?.unwrap_or_else(|| home.socket());
        Ok(Some(Self { socket, daemon, key, is_enrolled: false }))
    }

    /// What a client's key file says: its key, the daemon's, and then the socket's path
    /// where the daemon has it. A socket beside it, of the same name but for the ending,
    /// comes before that, since both may have been mounted elsewhere.
    fn of_client(path: &Path) -> Result<Self, ClientError> {
        let no_key = |error| ClientError::NoKey { path: path.to_owned(), error };
        let not_one = || ClientError::NotAClientKey(path.to_owned());
        let mut file = open_client_key(path)?;
        let key = KeyPair::read(&mut (&mut file).take(KEY_FILE_MAX_BYTES as u64));
        let key = key.map_err(no_key)?.ok_or_else(not_one)?;
        let daemon = *key.shared().ok_or_else(not_one)?.peer();
        let mut named = Vec::new();
        file.take(LOCK_MAX_BYTES as u64).read_to_end(&mut named).map_err(no_key)?;
        let beside = path.with_extension("sock");
        let socket = match metadata(&beside)? {
            Some(found) if found.file_type().is_socket() => beside,
            _ => PathBuf::from(std::ffi::OsString::from_vec(named)),
        };
        if socket.as_os_str().is_empty() {
            return Err(not_one());
        }
        Ok(Self { socket, daemon, key, is_enrolled: true })
    }

    /// Connects to the socket, if it and its folder are the user's own.
    pub(super) fn connect(&self, home: &Home) -> Result<Line, ClientError> {
        if self.is_enrolled {
            let none = || ClientError::NoDaemonAt(self.socket.clone());
            return Line::open(&self.socket, Awaited::default())
                .map_err(|error| unheard(error, none));
        }
        let folder = self.socket.parent().unwrap_or(Path::new("/"));
        if !is_private_folder(folder)? {
            return Err(ClientError::NoDaemon);
        }
        let Some(metadata) = metadata(&self.socket)? else {
            return Err(ClientError::NoDaemon);
        };
        if !metadata.file_type().is_socket() {
            return Err(not_private(&self.socket, "is not a socket"));
        }
        check_own(&self.socket, &metadata)?;
        let awaited = Awaited::holding(home.lock_file());
        Line::open(&self.socket, awaited).map_err(|error| unheard(error, || ClientError::NoDaemon))
    }
}

/// `none` where nobody listens.
fn unheard(error: ClientError, none: impl Fn() -> ClientError) -> ClientError {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    match error {
        ClientError::Io(io) if [NotFound, ConnectionRefused].contains(&io.kind()) => none(),
        other => other,
    }
}

fn locked_socket(lock: &Path) -> Result<Option<PathBuf>, ClientError> {
    let Some(file) = open_own(lock)? else {
        return Ok(None);
    };
    let mut path = Vec::new();
    file.take(LOCK_MAX_BYTES as u64).read_to_end(&mut path)?;
    let path = PathBuf::from(std::ffi::OsString::from_vec(path));
    Ok(path.is_absolute().then_some(path))
}

fn not_private(path: &Path, what: &'static str) -> ClientError {
    ClientError::NotPrivate { path: path.to_owned(), what }
}

/// The metadata of `path` itself, links not followed; `None` if there is nothing.
fn metadata(path: &Path) -> Result<Option<Metadata>, ClientError> {
    match path.symlink_metadata() {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn check_own(path: &Path, metadata: &Metadata) -> Result<(), ClientError> {
    if metadata.uid() != effective_uid() {
        return Err(not_private(path, "belongs to another user"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(not_private(path, "is open to other users"));
    }
    Ok(())
}

/// Whether `path` is a folder of this user's alone; false if it isn't there.
fn is_private_folder(path: &Path) -> Result<bool, ClientError> {
    let Some(metadata) = metadata(path)? else {
        return Ok(false);
    };
    if !metadata.is_dir() {
        return Err(not_private(path, "is not a folder"));
    }
    check_own(path, &metadata).map(|()| true)
}

/// Opens a client's key: a file that no group and no others can read. Links are followed,
/// and it may be another user's: whoever names it on the command line means it, and in a
/// container it is mounted as it comes.
fn open_client_key(path: &Path) -> Result<File, ClientError> {
    let no_key = |error| ClientError::NoKey { path: path.to_owned(), error };
    let flags = libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(no_key)?;
    let metadata = file.metadata().map_err(no_key)?;
    if !metadata.is_file() {
        return Err(not_private(path, "is not a regular file"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(not_private(path, "is open to other users"));
    }
    Ok(file)
}

/// Opens a file of this user's alone, following no link; `None` if it isn't there.
fn open_own(path: &Path) -> Result<Option<File>, ClientError> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
            return Err(not_private(path, "is a symbolic link"));
        }
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(not_private(path, "is not a regular file"));
    }
    check_own(path, &metadata)?;
    Ok(Some(file))
}
