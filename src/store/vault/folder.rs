//! Files and folders that are ours alone: made so, and found so.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use nix::{
    libc::{ELOOP, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK},
    unistd::geteuid,
};

use super::VaultError;

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const OTHERS: u32 = 0o077;

/// Whether `path` is a folder of ours that nobody else can look into.
pub(super) fn check_private_folder(path: &Path) -> Result<(), VaultError> {
    open_folder(path, OTHERS).map(drop)
}

/// Whether `path` is a file of ours that nobody else can read; its length.
pub(super) fn check_private_file(path: &Path) -> Result<u64, VaultError> {
    Ok(open_file(path)?.1)
}

/// The text of such a file, if it has at most `limit` bytes.
pub(super) fn read_private_file(path: &Path, limit: u64) -> Result<Vec<u8>, VaultError> {
    let (file, length) = open_file(path)?;
    if length > limit {
        return Err(VaultError::Damaged { what: "a file is too long" });
    }
    let mut text = Vec::new();
    // It may grow while it is read.
    file.take(limit).read_to_end(&mut text).map_err(|why| named(path, &why))?;
    Ok(text)
}

/// The first bytes of a file.
pub(super) fn read_start<const N: usize>(path: &Path) -> Result<[u8; N], VaultError> {
    let mut start = [0; N];
    open_file(path)?.0.read_exact(&mut start).map_err(|why| named(path, &why))?;
    Ok(start)
}

/// Makes `path` a folder of ours, with its parents, for nobody else under any umask; one that is
/// there already has to belong to us and be writable by nobody else.
pub(super) fn make_folder(path: &Path) -> Result<File, VaultError> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
        .map_err(|why| named(path, &why))?;
    open_folder(path, 0o022)
}

/// Makes a folder that is not there yet, mode 0700 under any umask.
pub(super) fn make_new_folder(path: &Path) -> Result<File, VaultError> {
    DirBuilder::new().mode(FOLDER_MODE).create(path).map_err(|why| named(path, &why))?;
    fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE))
        .map_err(|why| named(path, &why))?;
    open_folder(path, OTHERS)
}

/// Writes a file that is not there yet, mode 0600 under any umask, and syncs it.
pub(super) fn write_new_file(path: &Path, text: &[u8]) -> Result<(), VaultError> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .custom_flags(O_NOFOLLOW)
            .open(path)?;
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        file.write_all(text)?;
        file.sync_all()
    };
    write().map_err(|why| named(path, &why))
}

/// Syncs a folder, so that what was made in it is found there after a power cut.
pub(super) fn sync(folder: &File, path: &Path) -> Result<(), VaultError> {
    folder.sync_all().map_err(|why| named(path, &why))
}

fn open_folder(path: &Path, forbidden: u32) -> Result<File, VaultError> {
    let folder = OpenOptions::new()
        .read(true)
        .custom_flags(O_DIRECTORY | O_NOFOLLOW)
        .open(path)
        .map_err(|why| named(path, &why))?;
    check_ours(path, &folder.metadata().map_err(|why| named(path, &why))?, forbidden)?;
    Ok(folder)
}

/// Opens a file of ours; its length too. Does not wait for the other end of a FIFO that
/// somebody put there.
fn open_file(path: &Path) -> Result<(File, u64), VaultError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path)
        .map_err(|why| named(path, &why))?;
    let found = file.metadata().map_err(|why| named(path, &why))?;
    if !found.is_file() {
        return Err(VaultError::NotPlain { path: path.to_owned() });
    }
    check_ours(path, &found, OTHERS)?;
    Ok((file, found.len()))
}

fn check_ours(path: &Path, found: &fs::Metadata, forbidden: u32) -> Result<(), VaultError> {
    if found.uid() != geteuid().as_raw() {
        return Err(VaultError::WrongOwner { path: path.to_owned() });
    }
    if found.mode() & forbidden != 0 {
        return Err(VaultError::WrongMode { path: path.to_owned() });
    }
    Ok(())
}

/// The condition behind an I/O error at `path`.
pub(super) fn named(path: &Path, why: &io::Error) -> VaultError {
    let path = path.to_owned();
    if why.raw_os_error() == Some(ELOOP) {
        return VaultError::NotPlain { path };
    }
    match why.kind() {
        io::ErrorKind::NotFound => VaultError::Missing,
        io::ErrorKind::AlreadyExists => VaultError::Exists,
        io::ErrorKind::NotADirectory => VaultError::NotPlain { path },
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => VaultError::DiskFull,
        io::ErrorKind::PermissionDenied => VaultError::Forbidden { path },
        io::ErrorKind::ReadOnlyFilesystem => VaultError::ReadOnly { path },
        _ => VaultError::Unusable { path, errno: why.raw_os_error().unwrap_or_default() },
    }
}
