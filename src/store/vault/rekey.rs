//! Changing the password: a whole vault is built under another key and swapped in.

use std::fs;

use super::{FreshKey, Generation, Proven, Unlocked, Vault, VaultError, create, folder};
use crate::crypto::KdfParams;

impl Proven {
    /// A key from another password for the vault that this one is the key of. Blocks for as long
    /// as Argon2 takes.
    ///
    /// # Errors
    /// As [`Vault::create`], as far as they concern the key.
    pub fn fresh(&self, password: &[u8], params: &KdfParams) -> Result<FreshKey, VaultError> {
        FreshKey::derive(password, params, self.header.vault_id())
    }
}

impl Vault {
    /// Puts this vault under another key, and opens it again. Nobody else may have it open.
    ///
    /// Everything is sealed anew, in a folder beside that is then exchanged with this one: at any
    /// moment the old vault or the new one is there, whole. The vault keeps its id, which the
    /// audit trail's keys are sealed for. The note of its generation is authenticated by the key,
    /// and can't be replaced at the same instant as the folder. So before the exchange it holds
    /// both generations, each under its own key, and after it the new one alone: an old vault
    /// that is put back later is one that nothing vouches for. Blocks.
    ///
    /// # Errors
    /// Those of opening and of creating; [`VaultError::CannotSwap`]. The old vault is in its place
    /// then, unless the error came from opening the new one.
    pub fn rekey(&self, proven: &Proven, fresh: &FreshKey) -> Result<Unlocked, VaultError> {
        let held = self.hold()?;
        self.remove_leftovers_held()?;
        let old = self.open_proven(proven)?;
        let beside = self.beside(fresh.id);
        let audit = old.header.audit_public_key();
        let built = self.build(&beside, fresh, audit, |store| Ok(old.store.copy_into(store)?));
        let from = old.store.generation();
        let closed = old.store.pragma_rekey_clear();
        let (built, generation) = built?;
        let swapped = closed.map_err(VaultError::from).and_then(|()| {
            let note = self.note_of(&built)?;
            note.write_with(generation, &self.note_of(proven)?, Generation(from?))?;
            create::exchange(&beside, &self.folder())
        });
        if let Err(why) = swapped {
            let _ = fs::remove_dir_all(&beside);
            return Err(why);
        }
        folder::sync(&held, &self.vaults)?;
        // From here on the old vault is garbage; what can't be removed goes at the next unlock.
        let _ = self.note_of(&built)?.write(generation.0);
        let _ = fs::remove_dir_all(&beside);
        drop(held);
        self.open(built, false)
    }
}
