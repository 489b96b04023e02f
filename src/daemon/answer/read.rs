//! Questions: nothing in the vault changes, and what is found is recorded before it leaves.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Answer, Ask, Claimed, Encoded, Refusal, Reply, off_the_loop, refusal, whole_profile, wish,
};
use crate::{
    daemon::{
        gate::{Grant, Operation, Wish, permits},
        now,
        runs::Run,
        stamp,
        vault_state::Release,
    },
    secret::{OutOfSecretMemory, SecureBuffer, SecureBytes},
    store::{Approval, SecretInfo, SqlCipherStore, StoreError},
    sys::pidfd,
    wire::{
        BATCH_MAX_ENTRIES,
        message::{self, ApprovalRow, Batch, KeyInProfile, KeyRow, Plaintext, Reason, Response},
    },
};

impl Ask<'_> {
    pub(super) async fn resolve(&self, batch: &Batch<'_>) -> Answer {
        let claimed =
            Claimed { project: batch.project, command: batch.command, ..Claimed::default() };
        let word = if batch.check_only { "check" } else { "run" };
        if batch.entries.len() > BATCH_MAX_ENTRIES {
            return Err(refusal(Reason::Malformed).into());
        }
        let wishes = wishes_of(batch);
        let grant = self.admit(word, &wishes, claimed)?;
        if let Some(short) = self.uncovered(batch, &wishes) {
            self.deny(word, &wishes, claimed, refusal(Reason::NotApproved));
            return Ok(Reply::new(&Response::NotApproved(short))?);
        }
        let required: Vec<bool> = batch.entries.iter().map(|entry| entry.required).collect();
        let outcome = if batch.entries.is_empty() {
            Ok((Vec::new(), Vec::new()))
        } else {
            self.daemon.vaults.resolve(&grant, &required).await
        };
        let run = (!batch.check_only).then(|| self.run(&wishes, claimed));
        let claimed = Claimed { run: run.as_ref(), ..claimed };
        let (values, releases) = self.conclude(word, &wishes, claimed, outcome).await?;
        if batch.check_only { Ok(Reply::done()) } else { self.release(&values, releases) }
    }

    /// The answer with these values. Where there is no memory for it, the caches
    /// give back what they hold: it can be fetched again.
    pub(super) fn release(&self, values: &[Option<SecureBytes>], releases: Vec<Release>) -> Answer {
        let encoded = encode_values(values).or_else(|_| {
            self.daemon.vaults.give_back();
            encode_values(values)
        });
        let encoded = encoded.map_err(|_| refusal(Reason::OutOfSecretMemory))?;
        Ok(Reply { releases, ..Reply::of(Encoded::Secret(encoded)) })
    }

    /// What is to be watched if it is granted now, in names.
    fn run(&self, wishes: &[Wish<'_>], claimed: Claimed<'_>) -> Run {
        let profiles = wishes.iter().flat_map(|wish| wish.profiles.iter().copied());
        let profiles: BTreeSet<&str> = profiles.collect();
        Run {
            requester: self.identity.name().to_owned(),
            pid: self.identity.caller.pid,
            project: claimed.project.map(str::to_owned),
            command: claimed.command.map(str::to_owned),
            profiles: profiles.into_iter().map(str::to_owned).collect(),
            keys: wishes.iter().filter_map(|wish| wish.key).map(str::to_owned).collect(),
            since: stamp(),
            begun: now(),
            process: self.identity.caller.process.as_ref().and_then(pidfd::unique_number),
        }
    }

    pub(super) fn uncovered(
        &self,
        batch: &Batch<'_>,
        wishes: &[Wish<'_>],
    ) -> Option<message::NotApproved> {
        let claim = batch.manifest.as_ref()?;
        // What an enrolled client may have, the person has said when enrolling it. Nobody
        // could approve in its place: in a container, paths and owners are others.
        if !self.identity.is_launcher() || !self.daemon.settings.current().approval_needed {
            return None;
        }
        let profiles = wishes.iter().flat_map(|wish| wish.profiles.iter().copied()).collect();
        self.daemon.vaults.uncovered(claim, &profiles)
    }

    pub(super) async fn get(&self, at: KeyInProfile<'_>) -> Answer {
        let wishes = [wish(Operation::Get, at)];
        let grant = self.admit("get", &wishes, Claimed::default())?;
        let outcome = self.daemon.vaults.resolve(&grant, &[true]).await;
        #[cfg(feature = "faults-on-purpose")]
        if let Ok((values, _)) = &outcome {
            crate::secret::faults::stumble_over(at.key, values.iter().flatten().next());
        }
        let concluded = self.conclude("get", &wishes, Claimed::default(), outcome).await;
        let (values, releases) = concluded?;
        self.release(&values, releases)
    }

    pub(super) async fn list(&self, profile: &str) -> Answer {
        let wishes = [whole_profile(Operation::List, profile)];
        let infos = self.read(&wishes, "list", profile, SqlCipherStore::list).await?;
        let settings = self.daemon.settings.current();
        let may_see = |info: &&SecretInfo| {
            let (rules, name) = (self.rules(&settings.access), self.identity.name());
            permits(rules, name, profile, Operation::List, Some(&info.key))
        };
        let rows = infos.iter().filter(may_see).map(key_row).collect();
        Ok(Reply::new(&Response::Keys(rows))?)
    }

    pub(super) async fn approvals(&self, profile: &str) -> Answer {
        const WORD: &str = "approvals";
        let wishes = [whole_profile(Operation::List, profile)];
        // They name the owner's folders.
        let grant = self.admit_launcher(WORD, &wishes)?;
        let found = self.with_store(&grant, profile, SqlCipherStore::approvals_list).await;
        let all = self.conclude(WORD, &wishes, Claimed::default(), found).await?;
        Ok(Reply::new(&Response::Approvals(all.iter().map(approval_row).collect()))?)
    }

    /// Runs `work` on a granted profile's store, off the event loop.
    pub(super) async fn with_store<T: Send + 'static>(
        &self,
        grant: &Grant<'_>,
        profile: &str,
        work: impl FnOnce(&SqlCipherStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        match self.daemon.vaults.store(grant, profile) {
            Ok(store) => {
                let daemon = Arc::clone(self.daemon);
                let work = move || {
                    daemon.checkpoint();
                    work(&store)
                };
                off_the_loop(work).await
            }
            Err(reason) => Err(refusal(reason)),
        }
    }

    /// Reads from a profile's store something that is not a value.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        wishes: &[Wish<'_>],
        word: &'static str,
        profile: &str,
        work: impl FnOnce(&SqlCipherStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let grant = self.admit(word, wishes, Claimed::default())?;
        let outcome = self.with_store(&grant, profile, work).await;
        self.conclude(word, wishes, Claimed::default(), outcome).await
    }
}

fn key_row(info: &SecretInfo) -> KeyRow<'_> {
    KeyRow {
        key: &info.key,
        version: info.version,
        created_at: info.created_at,
        updated_at: info.updated_at,
        expires_at: info.expires_at,
    }
}

fn approval_row(approval: &Approval) -> ApprovalRow<'_> {
    ApprovalRow { path: &approval.path, approved_at: approval.approved_at }
}

fn encode_values(values: &[Option<SecureBytes>]) -> Result<SecureBuffer, OutOfSecretMemory> {
    /// CBOR puts at most this much in front of each value, and of all.
    const HEADS_BYTES: usize = 16;
    let bytes = values.iter().flatten().map(|value| value.len() + HEADS_BYTES).sum::<usize>();
    let buffer = SecureBuffer::with_capacity(bytes + values.len() + HEADS_BYTES)?;
    let values = values.iter().map(|value| value.as_ref().map(|v| Plaintext(v.expose())));
    message::encode_into(&Response::Values(values.collect()), buffer)
}

/// What a batch wants. One without entries still needs the profiles whose
/// vaults keep its manifest's approval.
pub(super) fn wishes_of<'r>(batch: &Batch<'r>) -> Vec<Wish<'r>> {
    if batch.entries.is_empty() {
        let profiles = batch.manifest.as_ref().map(|claim| claim.profiles.clone());
        let profiles = profiles.unwrap_or_default();
        return vec![Wish { operation: Operation::Get, profiles, key: None }];
    }
    let one = |entry: &message::Entry<'r>| Wish {
        operation: Operation::Get,
        profiles: entry.profiles.clone(),
        key: Some(entry.key),
    };
    batch.entries.iter().map(one).collect()
}
