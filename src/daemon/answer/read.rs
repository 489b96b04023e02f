//! Questions: nothing in the vault changes, and what is found is recorded before it leaves.

use std::collections::{BTreeSet, HashMap};

use super::{Ask, Claimed, Refusal, Reply, off_the_loop, whole_profile, wish};
use crate::{
    daemon::{
        BUILD,
        gate::{Grant, Operation, Wish, permits},
        now,
        runs::Run,
        stamp,
        vault_state::Release,
    },
    secret::{OutOfSecretMemory, SecureBuffer, SecureBytes, TrustProfileName},
    store::{Expiry, SqlCipherStore, StoreError},
    sys::kernel,
    wire::{
        BATCH_MAX_ENTRIES, EXPIRES_SOON_DAYS,
        message::{
            self, ApprovalRow, Batch, KeyInProfile, KeyRow, Plaintext, Problem, ProfileStatus,
            Reason, Response, Status,
        },
    },
};

impl Ask<'_> {
    pub(super) async fn resolve(&self, batch: &Batch<'_>) -> Result<Reply, OutOfSecretMemory> {
        let claimed = Claimed { project: batch.project, command: batch.command, client: None };
        let word = if batch.check_only { "check" } else { "run" };
        if batch.entries.len() > BATCH_MAX_ENTRIES {
            return refused(Reason::Malformed);
        }
        let wishes = wishes_of(batch);
        let grant = match self.admit(word, &wishes, claimed) {
            Ok(grant) => grant,
            Err(problems) => return Reply::new(&Response::Refused(problems)),
        };
        if let Some(short) = self.uncovered(batch, &wishes) {
            let problem = Problem::with_request(Reason::NotApproved);
            let _ = self.record(word, &wishes, claimed, "denied", &[problem]);
            return Reply::new(&Response::NotApproved(short));
        }
        let required: Vec<bool> = batch.entries.iter().map(|entry| entry.required).collect();
        let outcome = if batch.entries.is_empty() {
            Ok((Vec::new(), Vec::new()))
        } else {
            self.daemon.vaults.resolve(&grant, &required).await
        };
        match self.conclude(word, &wishes, claimed, outcome).await {
            Ok(_) if batch.check_only => Reply::new(&Response::Done),
            Ok((values, releases)) => {
                let run = Some(self.run(&wishes, claimed));
                Ok(Reply { run, ..self.release(&values, releases)? })
            }
            Err(problems) => Reply::new(&Response::Refused(problems)),
        }
    }

    /// The answer with these values. Where there is no memory for it, the caches
    /// give back what they hold: it can be fetched again.
    pub(super) fn release(
        &self,
        values: &[Option<SecureBytes>],
        releases: Vec<Release>,
    ) -> Result<Reply, OutOfSecretMemory> {
        let encoded = encode_values(values).or_else(|_| {
            self.daemon.vaults.give_back();
            encode_values(values)
        });
        match encoded {
            Ok(encoded) => Ok(Reply { encoded, releases, stop: false, run: None }),
            Err(_) => refused(Reason::OutOfSecretMemory),
        }
    }

    /// What is to be watched, in names.
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

    pub(super) async fn get(&self, at: KeyInProfile<'_>) -> Result<Reply, OutOfSecretMemory> {
        let wishes = [wish(Operation::Get, at)];
        let grant = match self.admit("get", &wishes, Claimed::default()) {
            Ok(grant) => grant,
            Err(problems) => return Reply::new(&Response::Refused(problems)),
        };
        let outcome = self.daemon.vaults.resolve(&grant, &[true]).await;
        #[cfg(feature = "faults-on-purpose")]
        if let Ok((values, _)) = &outcome {
            crate::secret::faults::stumble_over(at.key, values.iter().flatten().next());
        }
        match self.conclude("get", &wishes, Claimed::default(), outcome).await {
            Ok((values, releases)) => self.release(&values, releases),
            Err(problems) => Reply::new(&Response::Refused(problems)),
        }
    }

    pub(super) async fn list(&self, profile: &str) -> Result<Reply, OutOfSecretMemory> {
        let wishes = [whole_profile(Operation::List, profile)];
        let outcome = self.read(&wishes, "list", profile, SqlCipherStore::list).await;
        let settings = self.daemon.settings.current();
        let may_see = |key: &str| {
            let name = self.identity.name();
            permits(self.rules(&settings.access), name, profile, Operation::List, Some(key))
        };
        let row = |info| -> KeyRow<'_> {
            let info: &crate::store::SecretInfo = info;
            KeyRow {
                key: &info.key,
                version: info.version,
                created_at: info.created_at,
                updated_at: info.updated_at,
                expires_at: info.expires_at,
            }
        };
        match &outcome {
            Ok(infos) => {
                let seen = infos.iter().filter(|info| may_see(&info.key));
                Reply::new(&Response::Keys(seen.map(row).collect()))
            }
            Err(problems) => Reply::new(&Response::Refused(problems.clone())),
        }
    }

    pub(super) async fn approvals(&self, profile: &str) -> Result<Reply, OutOfSecretMemory> {
        let wishes = [whole_profile(Operation::List, profile)];
        // They name the owner's folders.
        let outcome = match self.admit_launcher("approvals", &wishes) {
            Ok(grant) => {
                let found = self.with_store(&grant, profile, SqlCipherStore::approvals_list).await;
                self.conclude("approvals", &wishes, Claimed::default(), found).await
            }
            Err(problems) => Err(problems),
        };
        match &outcome {
            Ok(all) => {
                let row = |approval| -> ApprovalRow<'_> {
                    let approval: &crate::store::Approval = approval;
                    ApprovalRow { path: &approval.path, approved_at: approval.approved_at }
                };
                Reply::new(&Response::Approvals(all.iter().map(row).collect()))
            }
            Err(problems) => Reply::new(&Response::Refused(problems.clone())),
        }
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
                let daemon = std::sync::Arc::clone(self.daemon);
                let work = move || {
                    daemon.checkpoint();
                    work(&store)
                };
                off_the_loop(work).await
            }
            Err(reason) => Err(vec![Problem::with_request(reason)]),
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

    pub(super) async fn status(&self) -> Result<Reply, OutOfSecretMemory> {
        let wishes = [Wish { operation: Operation::Status, profiles: Vec::new(), key: None }];
        if let Err(problems) = self.admit("status", &wishes, Claimed::default()) {
            return Reply::new(&Response::Refused(problems));
        }
        let expiry = self.expiry().await;
        let settings = self.daemon.settings.current();
        let unlocked = self.daemon.vaults.unlocked_for(&settings.lifetimes, now());
        let mut names = self.daemon.vaults.on_disk();
        names.extend(unlocked.keys().cloned());
        // A client sees the profiles that it has something to do with.
        let rules = self.rules(&settings.access);
        let name = self.identity.name();
        names.retain(|profile| self.identity.is_launcher() || rules.name(name, profile));
        let profiles = names
            .iter()
            .map(|profile| {
                // One that was locked while its secrets were counted shows no count.
                let counted = expiry.get(profile).filter(|_| unlocked.contains_key(profile));
                ProfileStatus {
                    profile,
                    unlocked_for_ms: unlocked.get(profile).map(|left| millis(*left)),
                    expired: counted.map(|expiry| expiry.expired),
                    expiring: counted.map(|expiry| expiry.expiring),
                }
            })
            .collect();
        Reply::new(&Response::Status(Status {
            build: BUILD,
            pid: std::process::id(),
            memory: crate::sys::weakest_protection() as u8,
            profiles,
            value_lifetime_ms: millis(settings.lifetimes.value),
            config_error: settings.error.as_deref().filter(|_| self.identity.is_launcher()),
            landlock: self.daemon.landlock,
            locked_memory_limit_bytes: kernel::locked_memory_limit_bytes(),
            is_dumpable: kernel::is_dumpable(),
        }))
    }

    /// How many secrets of each unlocked profile have expired or soon will, for whoever may
    /// list all of them. A store that is busy is not waited for.
    async fn expiry(&self) -> HashMap<TrustProfileName, Expiry> {
        let settings = self.daemon.settings.current();
        let mut stores = self.daemon.vaults.unlocked_stores();
        stores.retain(|(profile, _)| {
            let name = self.identity.name();
            let rules = self.rules(&settings.access);
            self.identity.is_launcher()
                && permits(rules, name, profile.as_str(), Operation::List, None)
        });
        let counted = tokio::task::spawn_blocking(move || {
            let now = jiff::Timestamp::now().as_millisecond();
            let soon = now.saturating_add(EXPIRES_SOON_DAYS * MILLIS_A_DAY);
            let count = |(profile, store): (TrustProfileName, SqlCipherStore)| {
                Some((profile, store.expiry(now, soon).ok().flatten()?))
            };
            stores.into_iter().filter_map(count).collect()
        });
        counted.await.unwrap_or_default()
    }
}

const MILLIS_A_DAY: i64 = 24 * 3600 * 1000;

fn refused(reason: Reason) -> Result<Reply, OutOfSecretMemory> {
    Reply::new(&Response::Refused(vec![Problem::with_request(reason)]))
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

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
