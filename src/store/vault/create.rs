//! Making a vault: a whole folder beside, swapped in.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, Flock, FlockArg, RenameFlags, renameat2},
};

use super::{
    AuditKeys, DATABASE, Generation, HEADER, Header, Proven, Unlocked, Vault, VaultError, VaultId,
    folder,
};
use crate::{
    crypto::{KdfParams, SALT_BYTES, derive_header_mac_key, derive_key_argon2, derive_vault_key},
    secret::SecureBytes,
    store::SqlCipherStore,
};

/// The master key of a vault that is about to be made, with the salt and the parameters that
/// derive it from the password again.
#[derive(Debug)]
pub struct FreshKey {
    pub(super) id: VaultId,
    params: KdfParams,
    salt: [u8; SALT_BYTES],
    master_key: SecureBytes,
}

impl FreshKey {
    /// Derives it from `password` and a fresh salt. `id` is a new one, or that of the vault
    /// whose password is being changed. Blocks for as long as Argon2 takes.
    ///
    /// # Errors
    /// [`VaultError::Absurd`] for parameters out of bounds, [`VaultError::NoRandomness`], and
    /// those of memory.
    pub(super) fn derive(
        password: &[u8],
        params: &KdfParams,
        id: VaultId,
    ) -> Result<Self, VaultError> {
        let salt = random()?;
        let master_key = derive_key_argon2(password, &salt, params)?;
        Ok(Self { id, params: *params, salt, master_key })
    }
}

impl Vault {
    /// Makes the vault, where nothing may be, and opens it.
    ///
    /// At any moment there is either no vault or the whole of it. What a killed creation left
    /// behind goes with the next one. Blocks for as long as Argon2 takes.
    ///
    /// # Errors
    /// [`VaultError::Exists`]; [`VaultError::Absurd`] for parameters out of bounds; those of a
    /// place that is not private, full, or read-only.
    pub fn create(
        &self,
        password: &[u8],
        params: &KdfParams,
        audit: Option<&AuditKeys>,
    ) -> Result<Unlocked, VaultError> {
        params.check()?;
        let folder = self.hold()?;
        if self.exists() {
            return Err(VaultError::Exists);
        }
        self.remove_leftovers_held()?;
        let fresh = FreshKey::derive(password, params, VaultId(random()?))?;
        let beside = self.beside(fresh.id);
        let (proven, _) = self.build(&beside, &fresh, audit.map(|keys| keys.public), |store| {
            audit.map_or(Ok(()), |keys| Ok(store.keep_audit_private_key(&keys.private)?))
        })?;
        swap_in(&beside, &self.folder())?;
        folder::sync(&folder, &self.vaults)?;
        self.open(proven, false)
    }

    /// Takes the lock on the folder of all vaults. Without it, one process would remove as a
    /// leftover what another is just building.
    pub(super) fn hold(&self) -> Result<Flock<File>, VaultError> {
        let folder = folder::make_folder(&self.vaults)?;
        Flock::lock(folder, FlockArg::LockExclusive)
            .map_err(|(_, why)| folder::named(&self.vaults, &why.into()))
    }

    /// The folder in which this vault is built anew before it is swapped in.
    pub(super) fn beside(&self, id: VaultId) -> PathBuf {
        self.vaults.join(format!("{}{id}", self.leftovers()))
    }

    /// What the names of such folders begin with. No profile's name begins with a dot.
    fn leftovers(&self) -> String {
        format!(".{}.new-", self.profile)
    }

    /// Builds a whole vault in `beside`, closed and synced, with what `fill` puts into it. Says
    /// which generation it has. On an error nothing is left of it.
    pub(super) fn build(
        &self,
        beside: &Path,
        fresh: &FreshKey,
        audit: Option<[u8; 32]>,
        fill: impl FnOnce(&SqlCipherStore) -> Result<(), VaultError>,
    ) -> Result<(Proven, Generation), VaultError> {
        self.build_in(beside, fresh, audit, fill).inspect_err(|_| drop(fs::remove_dir_all(beside)))
    }

    fn build_in(
        &self,
        beside: &Path,
        fresh: &FreshKey,
        audit: Option<[u8; 32]>,
        fill: impl FnOnce(&SqlCipherStore) -> Result<(), VaultError>,
    ) -> Result<(Proven, Generation), VaultError> {
        let FreshKey { id, params, salt, master_key } = fresh;
        let mac_key = derive_header_mac_key(master_key, &self.profile)?;
        let header = Header::new(*id, *params, *salt, audit, &mac_key)?;
        let folder: File = folder::make_new_folder(beside)?;
        folder::write_new_file(&beside.join(HEADER), header.text().as_bytes())?;
        let vault_key = derive_vault_key(master_key, &self.profile)?;
        let database = beside.join(DATABASE);
        let store = SqlCipherStore::create(&database, &vault_key, &self.profile, id.0)?;
        fill(&store)?;
        store.mark_clean()?;
        let generation = Generation(store.generation()?);
        store.pragma_rekey_clear()?;
        folder::sync(&folder, beside)?;
        Ok((Proven { header, master_key: master_key.try_clone()? }, generation))
    }

    /// Removes what a killed creation, change of password or backup left beside; not while
    /// another one is at work. What can't be removed now is left for the next time.
    pub(super) fn remove_leftovers(&self) {
        let Ok(folder) = File::open(&self.vaults) else { return };
        if let Ok(_held) = Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
            let _ = self.remove_leftovers_held();
        }
    }

    pub(super) fn remove_leftovers_held(&self) -> Result<(), VaultError> {
        let prefix = self.leftovers();
        remove_all(&self.vaults, |name| name.starts_with(&prefix))
    }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    crate::sys::random::fill(&mut bytes).map_err(|_| VaultError::NoRandomness)?;
    Ok(bytes)
}

/// Removes the folders in `vaults` whose name is `unwanted`.
pub(super) fn remove_all(vaults: &Path, unwanted: impl Fn(&str) -> bool) -> Result<(), VaultError> {
    let found = fs::read_dir(vaults).map_err(|why| folder::named(vaults, &why))?;
    for entry in found.flatten() {
        if entry.file_name().to_str().is_some_and(&unwanted) {
            fs::remove_dir_all(entry.path()).map_err(|why| folder::named(&entry.path(), &why))?;
        }
    }
    Ok(())
}

/// Gives a folder that was built beside its place, where nothing may be.
pub(super) fn swap_in(beside: &Path, place: &Path) -> Result<(), VaultError> {
    match renameat2(AT_FDCWD, beside, AT_FDCWD, place, RenameFlags::RENAME_NOREPLACE) {
        // Some file systems do not know the flag. Plain rename replaces an empty folder at most,
        // and nobody but us makes one here while the lock is held.
        Err(Errno::EINVAL | Errno::ENOSYS) => {
            fs::rename(beside, place).map_err(|why| folder::named(place, &why))
        }
        done => done.map_err(|why| folder::named(place, &why.into())),
    }
}

/// Puts two folders each in the other's place, at once. There is no second way to do it that a
/// kill could not cut in half.
pub(super) fn exchange(beside: &Path, place: &Path) -> Result<(), VaultError> {
    match renameat2(AT_FDCWD, beside, AT_FDCWD, place, RenameFlags::RENAME_EXCHANGE) {
        Err(Errno::EINVAL | Errno::ENOSYS) => Err(VaultError::CannotSwap),
        done => done.map_err(|why| folder::named(place, &why.into())),
    }
}
