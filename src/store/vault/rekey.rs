//! Another password: a whole vault under another key, swapped in.

use std::fs;

use super::{FreshKey, Proven, Unlocked, Vault, VaultError, create, folder};

impl Vault {
    /// Puts this vault under another key, and opens it again. Nobody else may have it open.
    ///
    /// Everything is sealed anew, in a folder beside that is then exchanged with this one: at any
    /// moment the old vault or the new one is there, whole. The vault gets another id, since the
    /// note of its generation outside is authenticated by the key too: kept under one id, a crash
    /// between the exchange and the note would leave a vault that looks altered. The note of the
    /// old id then says that it was retired, so that a copy of the old vault that is put back is
    /// told as one. Blocks.
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
        let closed = old.store.pragma_rekey_clear();
        let built = built?;
        if let Err(why) = closed
            .map_err(VaultError::from)
            .and_then(|()| create::exchange(&beside, &self.folder()))
        {
            let _ = fs::remove_dir_all(&beside);
            return Err(why);
        }
        folder::sync(&held, &self.vaults)?;
        // From here on the old vault is garbage; what can't be removed goes at the next unlock.
        let _ = self.note_of(proven)?.retire();
        let _ = fs::remove_dir_all(&beside);
        drop(held);
        self.open(built, false)
    }
}
