//! Whether a batch would be answered: the gates and the audit trail as for one that is, but
//! no value is read, none is cached, and no profile counts as used.

use super::{Answer, Ask, Claimed, Refusal, Reply, off_the_loop, read::wishes_of, refusal};
use crate::{
    daemon::gate::Grant,
    store::{SqlCipherStore, StoreError},
    wire::{
        BATCH_MAX_ENTRIES,
        message::{Batch, Reason, Response, Seen, SeenKey},
    },
};

const WORD: &str = "check";

impl Ask<'_> {
    /// An approval that is missing is told and refuses nothing: names are not what it guards.
    pub(super) async fn look(&self, batch: &Batch<'_>) -> Answer {
        if batch.entries.len() > BATCH_MAX_ENTRIES {
            return Err(refusal(Reason::Malformed).into());
        }
        let claimed =
            Claimed { project: batch.project, command: batch.command, ..Claimed::default() };
        let wishes = wishes_of(batch);
        let grant = self.admit(WORD, &wishes, claimed)?;
        let outcome = self.seen(&grant).await;
        let mut keys = self.conclude(WORD, &wishes, claimed, outcome).await?;
        keys.truncate(batch.entries.len());
        let short = self.uncovered(batch, &wishes);
        Ok(Reply::new(&Response::Seen(Seen { keys, short }))?)
    }

    /// Each wish's key in the profile that counts.
    async fn seen(&self, grant: &Grant<'_>) -> Result<Vec<Option<SeenKey>>, Refusal> {
        let wished = grant.wishes().iter().filter_map(|wish| {
            let profiles = wish.profiles.iter().map(|profile| (*profile).to_owned()).collect();
            Some((wish.key?.to_owned(), profiles))
        });
        let wished: Vec<(String, Vec<String>)> = wished.collect();
        // Not by way of what counts a profile as used.
        let stores = self.daemon.vaults.unlocked_stores();
        off_the_loop(move || {
            let store_of = |profile: &String| {
                let found = stores.iter().find(|(name, _)| name.as_str() == profile);
                found.map(|(_, store)| store).ok_or(StoreError::Locked)
            };
            let one = |(key, profiles): &(String, Vec<String>)| {
                for profile in profiles.iter().rev() {
                    if let Some(seen) = key_in(store_of(profile)?, key)? {
                        return Ok::<_, StoreError>(Some(seen));
                    }
                }
                Ok(None)
            };
            wished.iter().map(one).collect()
        })
        .await
    }
}

fn key_in(store: &SqlCipherStore, key: &str) -> Result<Option<SeenKey>, StoreError> {
    match store.info(key) {
        Ok(info) => Ok(Some(SeenKey { expires_at: info.expires_at })),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
