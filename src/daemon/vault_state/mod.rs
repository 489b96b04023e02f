//! What is unlocked: master keys, active profiles, open vaults.
//!
//! The caches are private to this module and entered only with a [`Grant`].

mod locking;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    approved::{by_path, uncovered},
    audit::HeadNote,
    field::{Fields, Keyring},
    gate::{Activity, ActivityOf, Grant, Wish},
};
use crate::{
    config::Lifetimes,
    home::Home,
    secret::{SecureBytes, TrustProfileName},
    store::{Approval, JitDelivery, SqlCipherStore},
    wire::message::{ManifestClaim, NotApproved, Problem, Reason},
};

/// What is unlocked.
#[derive(Debug, Default)]
pub struct VaultState {
    master_keys: HashMap<TrustProfileName, SecureBytes>,
    active: HashSet<TrustProfileName>,
    vaults: HashMap<TrustProfileName, OpenVault>,
    /// Profiles whose vault was found damaged while it served: it is checked whole before it
    /// serves again, so that who unlocks it is told.
    suspect: HashSet<TrustProfileName>,
    unlocked_so_far: u64,
}

/// One open vault.
#[derive(Debug)]
struct OpenVault {
    delivery: Arc<JitDelivery<SqlCipherStore>>,
    /// The approved manifests, by path, as the vault has them.
    approvals: HashMap<String, Approval>,
    /// Where the head of the audit trail is noted for this vault, which has a key for it.
    head_note: Option<Arc<HeadNote>>,
    /// Tells this unlocking from any other of the same profile.
    instance: u64,
    /// On CLOCK_BOOTTIME.
    unlocked_at: Duration,
    used_at: Duration,
}

/// A profile that an answer's values come from, and which unlocking of it.
pub(super) type Release = (TrustProfileName, u64);

/// One value of a batch: `None` for an optional key that is absent.
pub(super) type Resolved = Vec<Option<SecureBytes>>;

/// The state behind its lock, which is never held across an await. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Vaults {
    state: Arc<Mutex<VaultState>>,
    home: Home,
    keyring: Keyring,
}

impl Vaults {
    pub(super) fn new(home: Home) -> Self {
        Self { state: Arc::default(), home, keyring: Keyring::none() }
    }

    /// With the keyring that locking takes the launcher's IPC keys away from. Those that a
    /// killed daemon has left there are taken away now.
    pub(super) fn with_keyring(self, keyring: Keyring) -> Self {
        keyring.revoke_all(|| self.on_disk());
        Self { keyring, ..self }
    }

    /// A poisoned lock changes nothing: no step here leaves the state half done,
    /// and a lock that refuses to lock would be worse than any other fault.
    fn state(&self) -> MutexGuard<'_, VaultState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a vault that was just opened into the active set.
    pub(super) fn activate(
        &self,
        profile: &TrustProfileName,
        master_key: SecureBytes,
        delivery: JitDelivery<SqlCipherStore>,
        approvals: Vec<Approval>,
        head_note: Option<HeadNote>,
    ) {
        let now = super::now();
        // An unlocking on top of another must not leave the first one's keys behind.
        self.lock_profile(profile);
        let mut state = self.state();
        state.unlocked_so_far += 1;
        let instance = state.unlocked_so_far;
        let delivery = Arc::new(delivery);
        let approvals = by_path(approvals);
        let head_note = head_note.map(Arc::new);
        let (unlocked_at, used_at) = (now, now);
        let vault = OpenVault { delivery, approvals, head_note, instance, unlocked_at, used_at };
        state.master_keys.insert(profile.clone(), master_key);
        state.vaults.insert(profile.clone(), vault);
        state.active.insert(profile.clone());
    }

    /// How many times a profile was unlocked.
    pub(super) fn unlocked_so_far(&self) -> u64 {
        self.state().unlocked_so_far
    }

    pub(super) fn any_unlocked(&self) -> bool {
        !self.state().active.is_empty()
    }

    /// Where to note the head of the audit trail.
    pub(super) fn head_notes(&self) -> Vec<Arc<HeadNote>> {
        self.state().vaults.values().filter_map(|vault| vault.head_note.clone()).collect()
    }

    /// The stores that are unlocked, for what is no key's value: checking the audit trail,
    /// counting what has expired. No profile counts as used by it.
    pub(super) fn unlocked_stores(&self) -> Vec<(TrustProfileName, SqlCipherStore)> {
        let state = self.state();
        let store = |vault: &OpenVault| vault.delivery.store().clone();
        state.vaults.iter().map(|(name, vault)| (name.clone(), store(vault))).collect()
    }

    pub(super) fn is_active(&self, profile: &TrustProfileName) -> bool {
        self.state().active.contains(profile)
    }

    /// Whether every profile of an answer is still the one that it came from.
    pub(super) fn is_current(&self, releases: &[Release]) -> bool {
        if releases.is_empty() {
            return true;
        }
        let state = self.state();
        releases.iter().all(|(profile, instance)| {
            let same = state.vaults.get(profile).is_some_and(|vault| vault.instance == *instance);
            same && state.active.contains(profile)
        })
    }

    /// Empties every cache, to make room. What was in them can be fetched again.
    pub(super) fn give_back(&self) {
        let state = self.state();
        state.vaults.values().for_each(|vault| vault.delivery.flush());
    }

    /// For how long each unlocked profile stays so if nobody uses it.
    pub(super) fn unlocked_for(
        &self,
        lifetimes: &Lifetimes,
        now: Duration,
    ) -> HashMap<TrustProfileName, Duration> {
        let state = self.state();
        let left = |vault: &OpenVault| vault.left(lifetimes, now);
        state.vaults.iter().map(|(profile, vault)| (profile.clone(), left(vault))).collect()
    }

    /// The profiles that have a vault on disk, sorted.
    pub(super) fn on_disk(&self) -> BTreeSet<TrustProfileName> {
        let folders = std::fs::read_dir(self.home.vaults()).into_iter().flatten().flatten();
        let name = |entry: std::fs::DirEntry| {
            let name = entry.file_name();
            TrustProfileName::new(name.to_str()?).ok().filter(|_| entry.path().is_dir())
        };
        folders.filter_map(name).collect()
    }

    /// The store of a granted request's profile, for everything but reading a
    /// value. Whoever changes a key calls [`forget`](Self::forget) after.
    pub(super) fn store(&self, grant: &Grant<'_>, profile: &str) -> Result<SqlCipherStore, Reason> {
        debug_assert!(grant.wishes().iter().any(|wish| wish.profiles.contains(&profile)));
        let now = super::now();
        let mut state = self.state();
        let vault = state.active_vault(profile)?;
        vault.used_at = now;
        Ok(vault.delivery.store().clone())
    }

    /// A granted request's profile as it is unlocked now: its store, its master key, and which
    /// unlocking this is.
    pub(super) fn whole(
        &self,
        grant: &Grant<'_>,
        profile: &str,
    ) -> Result<(SqlCipherStore, SecureBytes, Release), Reason> {
        let store = self.store(grant, profile)?;
        let (master_key, release) = self.master_key(profile)?;
        Ok((store, master_key, release))
    }

    /// The master key of a profile as it is unlocked now, to derive another from.
    pub(super) fn master_key(&self, profile: &str) -> Result<(SecureBytes, Release), Reason> {
        let name = TrustProfileName::new(profile).map_err(|_| Reason::InvalidProfile)?;
        let mut state = self.state();
        let instance = state.active_vault(profile)?.instance;
        let master_key = state.master_keys.get(&name).ok_or(Reason::ProfileInactive)?;
        let master_key = master_key.try_clone().map_err(|_| Reason::OutOfSecretMemory)?;
        Ok((master_key, (name, instance)))
    }

    /// Takes a key out of a profile's cache: what is cached is no longer true.
    pub(super) fn forget(&self, profile: &str, key: &str) {
        let mut state = self.state();
        if let Ok(vault) = state.active_vault(profile) {
            vault.delivery.remove(key);
        }
    }

    /// Takes what a profile's vault now has as approved.
    pub(super) fn set_approvals(&self, profile: &str, approvals: Vec<Approval>) {
        if let Ok(vault) = self.state().active_vault(profile) {
            vault.approvals = by_path(approvals);
        }
    }

    /// What of a manifest's claim the approvals do not cover, in any of these
    /// profiles; `None` if they cover all of it.
    pub(super) fn uncovered(
        &self,
        claim: &ManifestClaim<'_>,
        profiles: &BTreeSet<&str>,
    ) -> Option<NotApproved> {
        let mut state = self.state();
        profiles.iter().find_map(|profile| {
            let vault = state.active_vault(profile).ok();
            uncovered(claim, vault.and_then(|vault| vault.approvals.get(claim.path)))
        })
    }

    /// The values that a grant is for, all or nothing, and what they come from.
    ///
    /// # Errors
    /// A problem for each wish that can't be had.
    pub(super) async fn resolve(
        &self,
        grant: &Grant<'_>,
        required: &[bool],
    ) -> Result<(Resolved, Vec<Release>), Vec<Problem>> {
        let mut values: Resolved = grant.wishes().iter().map(|_| None).collect();
        let mut problems = vec![None; values.len()];
        let mut releases = Vec::new();
        // Later profiles first: the first that has a key counts.
        for (profile, places) in by_profile(grant.wishes()) {
            let wanted: Vec<usize> = places
                .into_iter()
                .filter(|&n| values[n].is_none() && problems[n].is_none())
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let problem =
                |reason| wanted.iter().map(|&n| Problem::with_entry(n, reason)).collect::<Vec<_>>();
            let (delivery, release) = self.delivery(profile).map_err(problem)?;
            let fields = Fields::of(self, profile).map_err(problem)?;
            releases.push(release);
            let keys: Vec<&str> =
                wanted.iter().map(|&n| grant.wishes()[n].key.unwrap_or_default()).collect();
            for (n, answer) in wanted.into_iter().zip(delivery.resolve_many(&keys).await) {
                let key = grant.wishes()[n].key.unwrap_or_default();
                let sealed = answer.map_err(Reason::from);
                match sealed.and_then(|value| fields.seal(key, value)) {
                    Ok(value) => values[n] = Some(value),
                    Err(Reason::NotFound) => {}
                    Err(reason) => problems[n] = Some(Problem::with_entry(n, reason)),
                }
            }
        }
        for (n, problem) in problems.iter_mut().enumerate() {
            if values[n].is_none() && problem.is_none() && required.get(n) != Some(&false) {
                *problem = Some(Problem::with_entry(n, Reason::NotFound));
            }
        }
        let problems: Vec<_> = problems.into_iter().flatten().collect();
        if problems.is_empty() { Ok((values, releases)) } else { Err(problems) }
    }

    fn delivery(
        &self,
        profile: &str,
    ) -> Result<(Arc<JitDelivery<SqlCipherStore>>, Release), Reason> {
        let now = super::now();
        let mut state = self.state();
        let vault = state.active_vault(profile)?;
        vault.used_at = now;
        let (delivery, instance) = (Arc::clone(&vault.delivery), vault.instance);
        let name = TrustProfileName::new(profile).map_err(|_| Reason::InvalidProfile)?;
        Ok((delivery, (name, instance)))
    }
}

impl VaultState {
    fn active_vault(&mut self, profile: &str) -> Result<&mut OpenVault, Reason> {
        let name = TrustProfileName::new(profile).map_err(|_| Reason::InvalidProfile)?;
        if !self.active.contains(&name) {
            return Err(Reason::ProfileInactive);
        }
        self.vaults.get_mut(&name).ok_or(Reason::ProfileInactive)
    }
}

impl OpenVault {
    /// How long this vault stays unlocked if nobody uses it; zero if it is over.
    fn left(&self, lifetimes: &Lifetimes, now: Duration) -> Duration {
        let unlocked = (self.unlocked_at + lifetimes.unlocked).saturating_sub(now);
        let idle = (self.used_at + lifetimes.idle).saturating_sub(now);
        unlocked.min(idle)
    }
}

impl ActivityOf for Vaults {
    fn activity(&self, profile: &str) -> Activity {
        let Ok(name) = TrustProfileName::new(profile) else {
            return Activity::Unknown;
        };
        if self.is_active(&name) {
            Activity::Active
        } else if self.home.vaults().join(name.as_str()).is_dir() {
            Activity::Inactive
        } else {
            Activity::Unknown
        }
    }
}

/// Which wishes to look for in which profile, in the order to look: for each wish
/// the profile that it lists last comes first.
fn by_profile<'r>(wishes: &[Wish<'r>]) -> Vec<(&'r str, Vec<usize>)> {
    let mut rounds = Vec::new();
    let deepest = wishes.iter().map(|wish| wish.profiles.len()).max().unwrap_or(0);
    for depth in 0..deepest {
        let mut round: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (n, wish) in wishes.iter().enumerate() {
            if let Some(profile) = wish.profiles.iter().rev().nth(depth) {
                round.entry(profile).or_default().push(n);
            }
        }
        rounds.extend(round);
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Vaults {
        /// The cache of a profile, to look at from outside.
        pub(in crate::daemon) fn cache(&self, profile: &str) -> Arc<JitDelivery<SqlCipherStore>> {
            self.delivery(profile).unwrap().0
        }
    }
}
