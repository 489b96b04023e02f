//! A file that is whole from the moment that it has its name.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::OpenOptionsExt,
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
}

impl Beside {
    pub(super) fn create(path: &Path) -> Result<Self, CommandError> {
        let name = path.file_name().unwrap_or_default().as_bytes();
        let own = format!(".{}.partial", std::process::id());
        let name = std::ffi::OsString::from_vec([b".", name, own.as_bytes()].concat());
        let path = path.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        match options.open(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(error) => Err(CommandError::File { path, error }),
        }
    }

    pub(super) fn failed(&self, error: io::Error) -> CommandError {
        CommandError::File { path: self.path.clone(), error }
    }

    /// Gives it its name, which nothing may have by now either, for good.
    pub(super) fn rename(self, to: &Path) -> Result<(), CommandError> {
        let flags = RenameFlags::RENAME_NOREPLACE;
        match renameat2(AT_FDCWD, &self.path, AT_FDCWD, to, flags) {
            Err(Errno::EEXIST) => return Err(CommandError::FileExists(to.to_owned())),
            // A file system that does not know the flag: a link is as strict.
            Err(Errno::EINVAL | Errno::ENOSYS) => {
                fs::hard_link(&self.path, to).map_err(|error| self.failed(error))?;
            }
            done => done.map_err(|error| self.failed(error.into()))?,
        }
        self.sync_folder(to)
    }

    /// Gives it its name, whatever has that now, for good.
    pub(super) fn replace(self, to: &Path) -> Result<(), CommandError> {
        fs::rename(&self.path, to).map_err(|error| self.failed(error))?;
        self.sync_folder(to)
    }

    fn sync_folder(&self, to: &Path) -> Result<(), CommandError> {
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| self.failed(error))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
