//! The state of the daemon, as far as whoever asks has something to do with it.

use std::collections::HashMap;

use super::{Answer, Ask, Claimed, Reply, of_the_daemon};
use crate::{
    daemon::{
        BUILD,
        gate::{Operation, permits},
        millis, now,
    },
    secret::TrustProfileName,
    store::{Expiry, SqlCipherStore},
    sys::{kernel, weakest_protection},
    wire::{
        EXPIRES_SOON_DAYS,
        message::{ProfileStatus, Response, Status},
    },
};

const MILLIS_A_DAY: i64 = 24 * 3600 * 1000;

impl Ask<'_> {
    pub(super) async fn status(&self) -> Answer {
        let _grant = self.admit("status", &of_the_daemon(), Claimed::default())?;
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
                    damaged: self.daemon.vaults.is_locked_as_damaged(profile).then_some(true),
                }
            })
            .collect();
        Ok(Reply::new(&Response::Status(Status {
            build: BUILD,
            pid: std::process::id(),
            memory: weakest_protection() as u8,
            profiles,
            value_lifetime_ms: millis(settings.lifetimes.value),
            config_error: settings.error.as_deref().filter(|_| self.identity.is_launcher()),
            landlock: self.daemon.landlock,
            locked_memory_limit_bytes: kernel::locked_memory_limit_bytes(),
            is_dumpable: kernel::is_dumpable(),
        }))?)
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
