//! Locking: in the fixed order, whatever fails on the way, and when a lifetime is over.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use super::Vaults;
use crate::{
    config::Lifetimes,
    daemon::gate::Wish,
    secret::TrustProfileName,
    store::StoreError,
    sys::spare,
    wire::message::{Problem, Reason},
};

impl Vaults {
    /// Locks one profile, in the order that lets nothing back in: active set,
    /// cache, SQLCipher's key, store, master key. No fault on the way keeps a
    /// later step from being done.
    pub(in crate::daemon) fn lock_profile(&self, profile: &TrustProfileName) {
        let delivery = {
            let mut state = self.state();
            state.active.remove(profile);
            state.vaults.get(profile).map(|vault| Arc::clone(&vault.delivery))
        };
        if let Some(delivery) = delivery {
            let step = |name, step: &dyn Fn() -> Result<(), StoreError>| match catch_unwind(
                AssertUnwindSafe(step),
            ) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%profile, %error, "while locking: {name}"),
                Err(_) => tracing::error!(%profile, "panic while locking: {name}"),
            };
            step("flush", &|| {
                delivery.close();
                Ok(())
            });
            step("scrub", &|| delivery.store().pragma_rekey_clear());
        }
        let vault = self.state().vaults.remove(profile);
        drop(vault);
        let master_key = self.state().master_keys.remove(profile);
        drop(master_key);
        // Wiped long since, but secret memory all the same.
        spare::give_up();
        self.keyring.revoke(profile);
    }

    /// Locks a profile whose vault was found damaged.
    pub(in crate::daemon) fn lock_damaged(&self, profile: &TrustProfileName) {
        self.state().suspect.insert(profile.clone());
        self.lock_profile(profile);
    }

    /// Whether the vault was found damaged when it served last.
    pub(in crate::daemon) fn is_suspect(&self, profile: &TrustProfileName) -> bool {
        self.state().suspect.contains(profile)
    }

    /// Whether it is locked because its vault was found damaged.
    pub(in crate::daemon) fn is_locked_as_damaged(&self, profile: &str) -> bool {
        TrustProfileName::new(profile)
            .is_ok_and(|profile| self.is_suspect(&profile) && !self.is_active(&profile))
    }

    /// What refuses these wishes, in which a vault that damage has locked is called damaged:
    /// unlocking it, which "locked" would lead to, is of no use.
    pub(in crate::daemon) fn naming_damage(
        &self,
        wishes: &[Wish<'_>],
        mut problems: Vec<Problem>,
    ) -> Vec<Problem> {
        for problem in &mut problems {
            let one = problem.entry.and_then(|n| wishes.get(usize::try_from(n).ok()?));
            let about = one.map_or(wishes, std::slice::from_ref);
            let mut profiles = about.iter().flat_map(|wish| &wish.profiles);
            if matches!(problem.reason, Reason::Locked | Reason::ProfileInactive)
                && profiles.any(|profile| self.is_locked_as_damaged(profile))
            {
                problem.reason = Reason::VaultDamaged;
            }
        }
        problems
    }

    /// The vault was found whole.
    pub(in crate::daemon) fn acquit(&self, profile: &TrustProfileName) {
        self.state().suspect.remove(profile);
    }

    /// Locks everything; says which profiles that were.
    pub(in crate::daemon) fn lock_all(&self) -> Vec<TrustProfileName> {
        let profiles: Vec<_> = self.state().vaults.keys().cloned().collect();
        profiles.iter().for_each(|profile| self.lock_profile(profile));
        profiles
    }

    /// Locks what has outlived a lifetime and lets expired values vanish.
    pub(in crate::daemon) fn expire(
        &self,
        lifetimes: &Lifetimes,
        now: Duration,
    ) -> Vec<TrustProfileName> {
        let (mut over, mut deliveries) = (Vec::new(), Vec::new());
        for (profile, vault) in &self.state().vaults {
            let left = vault.left(lifetimes, now);
            if left.is_zero() {
                over.push(profile.clone());
            } else {
                deliveries.push(Arc::clone(&vault.delivery));
            }
        }
        for delivery in deliveries {
            delivery.sweep();
        }
        over.iter().for_each(|profile| self.lock_profile(profile));
        over
    }
}
