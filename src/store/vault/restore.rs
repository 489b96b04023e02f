//! Restoring a vault from a backup: it is written beside, checked to the last value, and swapped
//! in.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{DATABASE, HEADER, Proven, Unlocked, Vault, VaultError, VaultId, create, folder};

/// In the names of the folders of uploads. Another mark than that of leftovers, which each unlock
/// removes: an upload may still be going on.
const MARK: &str = ".up-";

/// A vault that is being written beside. Its folder is removed when this is dropped.
#[derive(Debug)]
pub struct Upload {
    folder: PathBuf,
    database: File,
    expected_bytes: u64,
    written_bytes: u64,
}

/// An upload that was found whole, and opened by its password.
#[derive(Debug)]
pub struct Checked {
    proven: Proven,
    /// How many secrets are in it.
    pub secrets: u64,
}

impl Upload {
    /// Writes the next piece.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] beyond what was announced; those of a full disk.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), VaultError> {
        self.written_bytes = self.written_bytes.saturating_add(piece.len() as u64);
        if self.written_bytes > self.expected_bytes {
            return Err(VaultError::Damaged { what: "it is longer than announced" });
        }
        self.database.write_all(piece).map_err(|why| folder::named(&self.folder, &why))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Vault {
    /// Makes a folder beside for an upload, with the vault's header in it.
    ///
    /// # Errors
    /// Those of creating.
    pub fn begin_upload(&self, header: &[u8], database_bytes: u64) -> Result<Upload, VaultError> {
        let _held = self.hold()?;
        let id = VaultId(create::random()?);
        let folder = self.vaults.join(format!(".{}{MARK}{id}", self.profile));
        folder::make_new_folder(&folder)?;
        let path = folder.join(DATABASE);
        let begin = || {
            folder::write_new_file(&folder.join(HEADER), header)?;
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            options.open(&path).map_err(|why| folder::named(&path, &why))
        };
        match begin() {
            Ok(database) => {
                Ok(Upload { folder, database, expected_bytes: database_bytes, written_bytes: 0 })
            }
            Err(why) => {
                let _ = fs::remove_dir_all(&folder);
                Err(why)
            }
        }
    }

    /// Whether the upload is a whole vault of this profile, and `password` its own. Checks the
    /// header's MAC, that the database belongs to it, every page and every value. Blocks.
    ///
    /// # Errors
    /// As [`unlock`](Self::unlock).
    pub fn check_upload(&self, upload: &Upload, password: &[u8]) -> Result<Checked, VaultError> {
        if upload.written_bytes != upload.expected_bytes {
            return Err(VaultError::Damaged { what: "it is shorter than announced" });
        }
        upload.database.sync_all().map_err(|why| folder::named(&upload.folder, &why))?;
        let proven = self.prove_in(&upload.folder, password)?;
        let store = self.open_store(&upload.folder, &proven)?;
        let checked = store
            .integrity_check()
            .and_then(|()| store.check_values())
            .and_then(|secrets| store.mark_clean().map(|()| secrets));
        store.pragma_rekey_clear()?;
        Ok(Checked { proven, secrets: checked? })
    }

    /// Puts a checked upload in this vault's place, and opens it. What the note of the
    /// generation says does not count: to have an older vault back is what a restore is for.
    /// Nobody may have the vault that was there open. Blocks.
    ///
    /// # Errors
    /// [`VaultError::Exists`] unless `replace`; [`VaultError::CannotSwap`]. What was there is in
    /// its place then, unless the error came from opening the new one.
    pub fn restore(
        &self,
        upload: Upload,
        checked: Checked,
        replace: bool,
    ) -> Result<Unlocked, VaultError> {
        let held = self.hold()?;
        let synced = File::open(&upload.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|why| folder::named(&upload.folder, &why))?;
        match self.exists() {
            true if replace => create::exchange(&upload.folder, &self.folder())?,
            true => return Err(VaultError::Exists),
            false => create::swap_in(&upload.folder, &self.folder())?,
        }
        folder::sync(&held, &self.vaults)?;
        // After an exchange its folder holds the vault that was there before, which goes.
        drop(upload);
        drop(held);
        self.open(checked.proven, true)
    }

    /// Removes the uploads in `vaults` that were going on when a daemon was killed. Only for
    /// whoever knows that none is going on now.
    ///
    /// # Errors
    /// Those of a folder that can't be read or written.
    pub fn remove_uploads(vaults: &Path) -> Result<(), VaultError> {
        create::remove_all(vaults, |name| name.starts_with('.') && name.contains(MARK))
    }
}
