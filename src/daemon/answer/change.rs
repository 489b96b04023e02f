//! Changes: the grant is on record before anything changes, and the cache forgets
//! what is no longer true.

use super::{Ask, Claimed, Refusal, field::entries_of, whole_profile, wish};
use crate::{
    daemon::{
        field::Fields,
        gate::{Grant, Operation, Wish},
    },
    store::{Put, SqlCipherStore, StoreError},
    wire::message::{Approve, Import, KeyInProfile, ManifestInProfile, Rename, Set},
};

impl Ask<'_> {
    /// Changes a profile's store. The grant is on record before anything changes.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        wishes: &[Wish<'_>],
        word: &'static str,
        profile: &str,
        work: impl FnOnce(&SqlCipherStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let grant = self.admit(word, wishes, Claimed::default())?;
        self.change_granted(&grant, word, profile, work).await
    }

    async fn change_granted<T: Send + 'static>(
        &self,
        grant: &Grant<'_>,
        word: &'static str,
        profile: &str,
        work: impl FnOnce(&SqlCipherStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let wishes = grant.wishes();
        self.record(word, wishes, Claimed::default(), "granted", &[])?;
        self.settle().await?;
        let outcome = self.with_store(grant, profile, work).await;
        for key in wishes.iter().filter_map(|wish| wish.key) {
            self.daemon.vaults.forget(profile, key);
        }
        self.note_failure(word, wishes, Claimed::default(), outcome)
    }

    pub(super) async fn set(&self, asked: &Set<'_>) -> Result<(), Refusal> {
        let wishes = [wish(Operation::Set, asked.at)];
        let (profile, value) = (asked.at.profile, asked.value);
        let value = Fields::of(&self.daemon.vaults, profile)
            .and_then(|fields| fields.open(asked.at.key, value));
        let value = self.behind_gates("set", &wishes, value)?;
        let key = asked.at.key.to_owned();
        let by = self.identity.name().to_owned();
        let (create_only, expires_at) = (asked.create_only, asked.expires_at);
        let work = move |store: &SqlCipherStore| {
            let put = Put { set_by: Some(&by), expires_at, ..Put::new(&key, &value) };
            if create_only {
                store.import(&[put], false).map(drop)
            } else {
                store.put(&put).map(drop)
            }
        };
        self.change(&wishes, "set", asked.at.profile, work).await
    }

    pub(super) async fn delete(&self, at: KeyInProfile<'_>) -> Result<(), Refusal> {
        let key = at.key.to_owned();
        let work = move |store: &SqlCipherStore| store.remove(&key);
        self.change(&[wish(Operation::Delete, at)], "delete", at.profile, work).await
    }

    pub(super) async fn rename(&self, asked: &Rename<'_>) -> Result<(), Refusal> {
        let to = KeyInProfile { profile: asked.from.profile, key: asked.to };
        let wishes = [wish(Operation::Delete, asked.from), wish(Operation::Set, to)];
        let (from, to) = (asked.from.key.to_owned(), asked.to.to_owned());
        let work = move |store: &SqlCipherStore| store.rename(&from, &to);
        self.change(&wishes, "rename", asked.from.profile, work).await
    }

    pub(super) async fn import(&self, asked: &Import<'_>) -> Result<(), Refusal> {
        if asked.entries.is_empty() {
            // Nothing to store; but that is the gates' to say, and goes on record.
            let wishes = [whole_profile(Operation::Set, asked.profile)];
            let _grant = self.admit("import", &wishes, Claimed::default())?;
            return self.record("import", &wishes, Claimed::default(), "granted", &[]);
        }
        let at = |key| KeyInProfile { profile: asked.profile, key };
        let wishes: Vec<_> =
            asked.entries.iter().map(|entry| wish(Operation::Set, at(entry.key))).collect();
        let entries = entries_of(&self.daemon.vaults, asked);
        let entries = self.behind_gates("import", &wishes, entries)?;
        let (by, overwrite) = (self.identity.name().to_owned(), asked.overwrite);
        let work = move |store: &SqlCipherStore| {
            let put = |(key, value)| Put { set_by: Some(&by), ..Put::new(key, value) };
            let puts: Vec<_> = entries.iter().map(|(key, value)| put((key, value))).collect();
            store.import(&puts, overwrite).map(drop)
        };
        self.change(&wishes, "import", asked.profile, work).await
    }

    pub(super) async fn approve(&self, asked: &Approve<'_>) -> Result<(), Refusal> {
        let claim = &asked.manifest;
        let items: Vec<u8> = claim.items.iter().flat_map(|item| item.0).collect();
        let (path, owner) = (claim.path.to_owned(), claim.owner);
        self.change_approvals(asked.profile, "allow", move |store| {
            store.approvals_put(&path, owner, &items)
        })
        .await
    }

    pub(super) async fn disapprove(&self, asked: &ManifestInProfile<'_>) -> Result<(), Refusal> {
        let path = asked.path.to_owned();
        self.change_approvals(asked.profile, "disallow", move |store| store.approvals_delete(&path))
            .await
    }

    /// Approvals are the person's to give: only the launcher may, whatever the rules say.
    async fn change_approvals(
        &self,
        profile: &str,
        word: &'static str,
        work: impl FnOnce(&SqlCipherStore) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), Refusal> {
        let wishes = [whole_profile(Operation::Set, profile)];
        let grant = self.admit_launcher(word, &wishes)?;
        let work = move |store: &SqlCipherStore| {
            work(store)?;
            store.approvals_list()
        };
        let approvals = self.change_granted(&grant, word, profile, work).await?;
        self.daemon.vaults.set_approvals(profile, approvals);
        Ok(())
    }
}
