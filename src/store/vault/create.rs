//! Making a vault: a whole folder beside, swapped in.

use std::{
    fs::{self, File},
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, Flock, FlockArg, RenameFlags, renameat2},
};

use super::{AuditKeys, DATABASE, HEADER, Header, Unlocked, Vault, VaultError, VaultId, folder};
use crate::{
    crypto::{KdfParams, SALT_BYTES, derive_header_mac_key, derive_key_argon2, derive_vault_key},
    secret::SecureBytes,
    store::SqlCipherStore,
};

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
        let folder = folder::make_folder(&self.vaults)?;
        // One creation at a time, or the next would take this one's beginnings for leftovers.
        let folder = Flock::lock(folder, FlockArg::LockExclusive)
            .map_err(|(_, why)| folder::named(&self.vaults, &why.into()))?;
        if self.exists() {
            return Err(VaultError::Exists);
        }
        let prefix = format!(".{}.new-", self.profile);
        remove_leftovers(&self.vaults, &prefix)?;
        let id = VaultId(random()?);
        let beside = self.vaults.join(format!("{prefix}{id}"));
        let (header, master_key) = self
            .build(&beside, id, password, params, audit)
            .inspect_err(|_| drop(fs::remove_dir_all(&beside)))?;
        swap_in(&beside, &self.folder())?;
        folder::sync(&folder, &self.vaults)?;
        self.open(header, master_key, false)
    }

    fn build(
        &self,
        beside: &Path,
        id: VaultId,
        password: &[u8],
        params: &KdfParams,
        audit: Option<&AuditKeys>,
    ) -> Result<(Header, SecureBytes), VaultError> {
        let salt: [u8; SALT_BYTES] = random()?;
        let master_key = derive_key_argon2(password, &salt, params)?;
        let mac_key = derive_header_mac_key(&master_key, &self.profile)?;
        let public = audit.map(|keys| keys.public);
        let header = Header::new(id, *params, salt, public, &mac_key)?;
        let folder: File = folder::make_new_folder(beside)?;
        folder::write_new_file(&beside.join(HEADER), header.text().as_bytes())?;
        let vault_key = derive_vault_key(&master_key, &self.profile)?;
        let database = beside.join(DATABASE);
        let store = SqlCipherStore::create(&database, &vault_key, &self.profile, id.0)?;
        if let Some(keys) = audit {
            store.keep_audit_private_key(&keys.private)?;
        }
        store.pragma_rekey_clear()?;
        folder::sync(&folder, beside)?;
        Ok((header, master_key))
    }
}

fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    crate::sys::random::fill(&mut bytes).map_err(|_| VaultError::NoRandomness)?;
    Ok(bytes)
}

fn remove_leftovers(vaults: &Path, prefix: &str) -> Result<(), VaultError> {
    let found = fs::read_dir(vaults).map_err(|why| folder::named(vaults, &why))?;
    for entry in found.flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)) {
            fs::remove_dir_all(entry.path()).map_err(|why| folder::named(&entry.path(), &why))?;
        }
    }
    Ok(())
}

fn swap_in(beside: &Path, place: &Path) -> Result<(), VaultError> {
    match renameat2(AT_FDCWD, beside, AT_FDCWD, place, RenameFlags::RENAME_NOREPLACE) {
        // Some file systems do not know the flag. Plain rename replaces an empty folder at most,
        // and nobody but us makes one here while the lock is held.
        Err(Errno::EINVAL | Errno::ENOSYS) => {
            fs::rename(beside, place).map_err(|why| folder::named(place, &why))
        }
        done => done.map_err(|why| folder::named(place, &why.into())),
    }
}
