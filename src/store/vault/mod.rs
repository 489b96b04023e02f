//! [`Vault`]: the folder on disk around a [`SqlCipherStore`].
//!
//! ```text
//! vaults/<profile>/         0700
//!     header                0600  how the password becomes the key, and which vault this is
//!     vault.db              0600  the database
//! generations/<vault id>    0600  how far the vault had come, outside of it
//! ```
//!
//! A vault is always built whole in a folder beside and then swapped in, by [`Vault::create`],
//! [`Vault::rekey`] and [`Vault::restore`] and by nothing else: a database that is missing is an
//! error, and a header that is missing never gets a new salt, under which the password would
//! open nothing any more.

mod backup;
mod create;
mod error;
mod folder;
mod generation;
mod header;
mod rekey;
mod restore;

use std::path::{Path, PathBuf};

pub(super) use self::generation::GenerationNote;
pub use self::{
    backup::Snapshot,
    create::FreshKey,
    error::VaultError,
    generation::{Generation, Note},
    header::{HEADER_MAX_BYTES, Header, VaultId, read_header},
    restore::{Checked, Upload},
};
use super::{
    SqlCipherStore, StoreError,
    sqlcipher::{Identity, SALT_BYTES},
};
use crate::{
    crypto::{
        derive_generation_mac_key, derive_header_mac_key, derive_key_argon2, derive_vault_key,
    },
    secret::{SecureBytes, TrustProfileName},
};

const HEADER: &str = "header";
const DATABASE: &str = "vault.db";
const JOURNAL: &str = "vault.db-journal";
/// A database whose salt differs from the header's id in at least this many of 128 bits belongs
/// to another vault: two vaults' differ in some 64, those of a damaged copy in a few.
const OTHER_SALT_BITS: u32 = 24;

/// A place where a vault is, or can be made.
#[derive(Debug, Clone)]
pub struct Vault {
    vaults: PathBuf,
    generations: PathBuf,
    profile: TrustProfileName,
}

/// The audit key pair of a profile: what the daemon seals to, and what opens it.
#[derive(Debug)]
pub struct AuditKeys {
    /// In the header, readable while locked.
    pub public: [u8; 32],
    /// In the vault, sealed.
    pub private: SecureBytes,
}

/// A vault that the password opened.
#[derive(Debug)]
pub struct Unlocked {
    /// From which the profile's other keys are derived.
    pub master_key: SecureBytes,
    /// The open database.
    pub store: SqlCipherStore,
    /// The header it was opened with.
    pub header: Header,
    /// What was found of the generation noted outside. [`Note::Absent`] is to be audited.
    pub note: Note,
    /// Whether the full integrity check has run, which it does here after an unclean close. If
    /// not, the caller runs it beside serving.
    pub integrity_checked: bool,
}

/// A master key of which the header's MAC has shown that it is this vault's: proof that the
/// right password was given.
#[derive(Debug)]
pub struct Proven {
    header: Header,
    master_key: SecureBytes,
}

impl Proven {
    fn try_clone(&self) -> Result<Self, VaultError> {
        Ok(Self { header: self.header.clone(), master_key: self.master_key.try_clone()? })
    }
}

impl Vault {
    /// The vault of `profile` in the folder `vaults`, whose generations are noted in
    /// `generations`. Nothing is looked at yet.
    #[must_use]
    pub fn new(vaults: &Path, generations: &Path, profile: &TrustProfileName) -> Self {
        Self {
            vaults: vaults.to_owned(),
            generations: generations.to_owned(),
            profile: profile.clone(),
        }
    }

    /// The folder of this vault.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.vaults.join(self.profile.as_str())
    }

    /// Whether something is in the vault's place, whole or not.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.folder().symlink_metadata().is_ok()
    }

    /// The header, of which everything but the MAC was checked. Needs no password.
    ///
    /// # Errors
    /// [`VaultError::Missing`] if there is no vault at all, [`VaultError::HeaderMissing`] if only
    /// its header is; those of a place that is not private; [`VaultError::Damaged`],
    /// [`VaultError::Newer`], [`VaultError::Absurd`] for what is in it.
    pub fn header(&self) -> Result<Header, VaultError> {
        header_in(&self.folder())
    }

    /// Opens the vault with `password`.
    ///
    /// Everything that can be found wrong without the password is, before Argon2 runs. A vault
    /// that went back to an earlier generation, or whose note of it is damaged, is refused unless
    /// `accept_older`. Blocks for as long as Argon2 takes, and for the full integrity check after
    /// an unclean close.
    ///
    /// # Errors
    /// One [`VaultError`] per condition; none changes the vault.
    pub fn unlock(&self, password: &[u8], accept_older: bool) -> Result<Unlocked, VaultError> {
        self.open(self.prove(password)?, accept_older)
    }

    /// Whether `password` is this vault's. Opens nothing. Blocks for as long as Argon2 takes.
    ///
    /// # Errors
    /// As [`unlock`](Self::unlock), as far as they show in the header.
    pub fn prove(&self, password: &[u8]) -> Result<Proven, VaultError> {
        self.prove_in(&self.folder(), password)
    }

    fn prove_in(&self, folder: &Path, password: &[u8]) -> Result<Proven, VaultError> {
        let header = header_in(folder)?;
        let length = folder::check_private_file(&folder.join(DATABASE))
            .map_err(|why| why.or_missing(VaultError::DatabaseMissing))?;
        if length == 0 {
            return Err(VaultError::Damaged { what: "the database is empty" });
        }
        header.check_affordable()?;
        let master_key = derive_key_argon2(password, header.salt(), &header.params())?;
        if !header.is_authentic(&derive_header_mac_key(&master_key, &self.profile)?)? {
            return Err(VaultError::WrongPassword);
        }
        Ok(Proven { header, master_key })
    }

    /// Opens the vault with a password that was proven already.
    ///
    /// # Errors
    /// As [`unlock`](Self::unlock), as far as they show in the database.
    pub fn open_proven(&self, proven: &Proven) -> Result<Unlocked, VaultError> {
        self.open(proven.try_clone()?, false)
    }

    fn open(&self, proven: Proven, accept_older: bool) -> Result<Unlocked, VaultError> {
        let journal_left = self.journal_left();
        let store = self.open_store(&self.folder(), &proven)?;
        let noted = self.note_of(&proven)?;
        let found = Generation(store.generation()?);
        let note = noted.compare(found, accept_older)?;
        let unclean = journal_left || !store.closed_cleanly()?;
        if unclean {
            store.integrity_check()?;
        }
        if note != Note::Same {
            // A state folder that can't be written does not keep a vault from being read.
            let _ = noted.write(found.0);
        }
        store.note_generations(noted)?;
        if unclean {
            // Checked once is enough; where it can't be written, it is checked again next time.
            let _ = store.mark_clean();
        }
        self.remove_leftovers();
        let Proven { header, master_key } = proven;
        Ok(Unlocked { master_key, store, header, note, integrity_checked: unclean })
    }

    fn note_of(&self, proven: &Proven) -> Result<GenerationNote, VaultError> {
        let mac_key = derive_generation_mac_key(&proven.master_key, &self.profile)?;
        Ok(GenerationNote::new(&self.generations, proven.header.vault_id(), mac_key))
    }

    fn open_store(&self, folder: &Path, proven: &Proven) -> Result<SqlCipherStore, VaultError> {
        let (path, id) = (folder.join(DATABASE), proven.header.vault_id());
        let vault_key = derive_vault_key(&proven.master_key, &self.profile)?;
        let store = SqlCipherStore::open(&path, &vault_key).map_err(|why| match why {
            StoreError::Damaged { .. } if has_another_salt(&path, id) => VaultError::OtherVault,
            why => why.into(),
        })?;
        let expected = Identity { vault_id: id.0, profile: self.profile.clone() };
        if store.identity()? != expected {
            return Err(VaultError::OtherVault);
        }
        Ok(store)
    }

    /// Whether a write was cut off, whose journal then has something in it.
    fn journal_left(&self) -> bool {
        self.folder().join(JOURNAL).symlink_metadata().is_ok_and(|found| found.len() > 0)
    }
}

fn header_in(folder: &Path) -> Result<Header, VaultError> {
    folder::check_private_folder(folder)?;
    let text = folder::read_private_file(&folder.join(HEADER), HEADER_MAX_BYTES)
        .map_err(|why| why.or_missing(VaultError::HeaderMissing))?;
    Header::parse(&text)
}

fn has_another_salt(database: &Path, id: VaultId) -> bool {
    folder::read_start::<SALT_BYTES>(database).is_ok_and(|salt| {
        let differing: u32 = salt.iter().zip(id.0).map(|(a, b)| (a ^ b).count_ones()).sum();
        differing >= OTHER_SALT_BITS
    })
}

#[cfg(test)]
mod tests;
