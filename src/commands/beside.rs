//! A file that is whole from the moment that it has its name.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{FileTypeExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, RenameFlags, renameat2},
};

use super::CommandError;

/// A file that is written beside the one that it is to be; removed unless it became that.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// What it is to be, by which alone a person knows it.
    to: PathBuf,
}

impl Beside {
    pub(super) fn create(to: &Path) -> Result<Self, CommandError> {
        let name = to.file_name().unwrap_or_default().as_bytes();
        let own = format!(".{}.partial", std::process::id());
        let name = std::ffi::OsString::from_vec([b".", name, own.as_bytes()].concat());
        let path = to.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        match options.open(&path) {
            Ok(file) => Ok(Self { path, file, to: to.to_owned() }),
            Err(error) => Err(CommandError::File { path: to.to_owned(), error }),
        }
    }

    pub(super) fn failed(&self, error: io::Error) -> CommandError {
        CommandError::File { path: self.to.clone(), error }
    }

    /// Gives it its name, which nothing may have by now either, for good.
    pub(super) fn rename(self) -> Result<(), CommandError> {
        let flags = RenameFlags::RENAME_NOREPLACE;
        match renameat2(AT_FDCWD, &self.path, AT_FDCWD, &self.to, flags) {
            Err(Errno::EEXIST) => return Err(CommandError::FileExists(self.to.clone())),
            // A file system that does not know the flag: a link is as strict.
            Err(Errno::EINVAL | Errno::ENOSYS) => {
                fs::hard_link(&self.path, &self.to).map_err(|error| self.failed(error))?;
            }
            done => done.map_err(|error| self.failed(error.into()))?,
        }
        self.sync_folder()
    }

    /// Gives it its name in the place of the file that has it now, for good.
    pub(super) fn replace(self, instead: &'static str) -> Result<(), CommandError> {
        may_replace(&self.to, instead)?;
        fs::rename(&self.path, &self.to).map_err(|error| self.failed(error))?;
        self.sync_folder()
    }

    fn sync_folder(&self) -> Result<(), CommandError> {
        let folder = self.to.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| self.failed(error))
    }
}

/// Refuses all but a file, or nothing. A file in the place of a device, a FIFO or a link
/// would take it from everybody who uses it. `instead` is what else can be done.
pub(super) fn may_replace(path: &Path, instead: &'static str) -> Result<(), CommandError> {
    let Ok(found) = path.symlink_metadata() else { return Ok(()) };
    let kind = found.file_type();
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a folder",
        _ if kind.is_symlink() => "a symbolic link",
        _ if kind.is_fifo() => "a FIFO",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(CommandError::NotReplaced { path: path.to_owned(), what, instead })
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
