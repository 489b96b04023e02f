//! A copy of a vault, taken while it serves.

use std::{
    fs::{self, File},
    path::Path,
};

use super::{
    DATABASE, HEADER, HEADER_MAX_BYTES, Header, Proven, Vault, VaultError, VaultId, create, folder,
};
use crate::{crypto::derive_vault_key, secret::SecureBytes, store::SqlCipherStore};

/// A checked copy of a whole vault as it was at one moment. Its file has no name any more, so
/// that it is gone when this is dropped.
#[derive(Debug)]
pub struct Snapshot {
    /// The header's text.
    pub header: Vec<u8>,
    /// The database, encrypted under the vault's own key.
    pub database: File,
    /// How many bytes that has.
    pub database_bytes: u64,
    /// The names of the secrets in it, sorted.
    pub keys: Vec<String>,
}

impl Vault {
    /// Takes a copy of this vault, which `store` has open, and checks every page of it. Writers
    /// wait while it is copied, but not while it is checked. Blocks.
    ///
    /// # Errors
    /// [`VaultError::OtherVault`] if the vault in this place is not that of `store`; those of
    /// reading it, and of a full disk.
    pub fn snapshot(
        &self,
        store: &SqlCipherStore,
        master_key: &SecureBytes,
    ) -> Result<Snapshot, VaultError> {
        let _held = self.hold()?;
        let header = folder::read_private_file(&self.folder().join(HEADER), HEADER_MAX_BYTES)
            .map_err(|why| why.or_missing(VaultError::HeaderMissing))?;
        let parsed = Header::parse(&header)?;
        if store.identity()?.vault_id != parsed.vault_id().0 {
            return Err(VaultError::OtherVault);
        }
        let beside = self.beside(VaultId(create::random()?));
        let proven = Proven { header: parsed, master_key: master_key.try_clone()? };
        folder::make_new_folder(&beside)?;
        let taken = self.copy(store, &proven, &beside);
        // Whoever reads it has it open.
        let _ = fs::remove_dir_all(&beside);
        let (database, keys) = taken?;
        let found = database.metadata().map_err(|why| folder::named(&beside, &why))?;
        Ok(Snapshot { header, database, database_bytes: found.len(), keys })
    }

    fn copy(
        &self,
        store: &SqlCipherStore,
        proven: &Proven,
        beside: &Path,
    ) -> Result<(File, Vec<String>), VaultError> {
        let path = beside.join(DATABASE);
        store.snapshot(&path, &derive_vault_key(&proven.master_key, &self.profile)?)?;
        let copy = self.open_store(beside, proven)?;
        let checked = copy.integrity_check().and_then(|()| copy.keys());
        copy.pragma_rekey_clear()?;
        let keys = checked?;
        let file = File::open(&path).map_err(|why| folder::named(&path, &why))?;
        Ok((file, keys))
    }
}
