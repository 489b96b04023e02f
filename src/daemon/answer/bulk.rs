//! An import in parts: each is sealed as it comes, all are stored with the last.

use super::{
    Ask, Claimed, Refusal,
    field::entries_of,
    off_the_loop, refusal,
    transfers::{Staged, Transfers},
    wish,
};
use crate::{
    daemon::gate::{Grant, Operation},
    secret::SecureBytes,
    store::StoreError,
    wire::{
        IMPORT_STAGED_MAX_BYTES,
        message::{ImportPart, KeyInProfile, Reason},
    },
};

impl Ask<'_> {
    pub(super) async fn import_part(
        &self,
        transfers: &mut Transfers,
        asked: &ImportPart<'_>,
    ) -> Result<(), Refusal> {
        // Whatever goes wrong from here on, what was staged goes.
        let staged = transfers.import.take();
        let at = |key| KeyInProfile { profile: asked.import.profile, key };
        let entries = &asked.import.entries;
        let wishes: Vec<_> =
            entries.iter().map(|entry| wish(Operation::Set, at(entry.key))).collect();
        if wishes.is_empty() {
            return Err(refusal(Reason::Malformed));
        }
        let grant = self.admit("import", &wishes, Claimed::default())?;
        self.record("import", &wishes, Claimed::default(), "granted", &[])?;
        self.settle().await?;
        let outcome = async {
            let staged = self.staged(staged, &grant, asked)?;
            let entries = entries_of(&self.daemon.vaults, &asked.import).map_err(refusal)?;
            let staged = stage(staged, entries).await?;
            if !asked.last {
                return Ok(Some(staged));
            }
            self.store(staged, asked.import.profile, asked.import.overwrite).await.map(|()| None)
        };
        let outcome = outcome.await;
        transfers.import = self.note_failure("import", &wishes, Claimed::default(), outcome)?;
        Ok(())
    }

    /// What this part is to be added to. A profile that was locked meanwhile, or unlocked
    /// again, begins with nothing, and a part that is not the first is then refused.
    fn staged(
        &self,
        staged: Option<Staged>,
        grant: &Grant<'_>,
        asked: &ImportPart<'_>,
    ) -> Result<Staged, Refusal> {
        let profile = asked.import.profile;
        let (store, _, release) = self.daemon.vaults.whole(grant, profile).map_err(refusal)?;
        let staged = staged
            .filter(|staged| asked.before > 0 && staged.release == release)
            .unwrap_or(Staged { store, release, entries: Vec::new(), bytes: 0 });
        if staged.entries.len() != asked.before as usize {
            return Err(refusal(Reason::TransferBroken));
        }
        Ok(staged)
    }

    async fn store(&self, staged: Staged, profile: &str, overwrite: bool) -> Result<(), Refusal> {
        let by = self.identity.name().to_owned();
        let Staged { store, entries, .. } = staged;
        let (keys, stored) = off_the_loop(move || {
            let stored = store.import_sealed(&entries, Some(&by), overwrite);
            Ok::<_, StoreError>((entries, stored))
        })
        .await?;
        for entry in &keys {
            self.daemon.vaults.forget(profile, entry.key());
        }
        stored.map(drop).map_err(refusal)
    }
}

async fn stage(mut staged: Staged, entries: Vec<(String, SecureBytes)>) -> Result<Staged, Refusal> {
    let staged = off_the_loop(move || {
        for (key, value) in &entries {
            let sealed = staged.store.seal(key, value)?;
            staged.bytes += sealed.bytes();
            staged.entries.push(sealed);
        }
        Ok::<_, StoreError>(staged)
    })
    .await?;
    if staged.bytes > IMPORT_STAGED_MAX_BYTES {
        return Err(refusal(Reason::TransferTooLong));
    }
    Ok(staged)
}
