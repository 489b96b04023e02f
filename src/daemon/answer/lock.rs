//! Locking and unlocking.

use super::{Answer, Ask, Claimed, Refusal, Reply, copy, name, refusal, whole_profile};
use crate::{
    daemon::{
        gate::{Activity, ActivityOf, Operation, Wish},
        unlock,
    },
    secret::TrustProfileName,
    wire::message::{Reason, Unlock},
};

impl Ask<'_> {
    pub(super) async fn unlock(&self, asked: &Unlock<'_>) -> Answer {
        let wishes = [whole_profile(Operation::Unlock, asked.profile)];
        // Going back on purpose is another thing than unlocking: it is told as one, and is for
        // whoever owns the vaults.
        let word = if asked.accept_older { "unlock-older" } else { "unlock" };
        let _grant = match asked.accept_older {
            true => self.admit_launcher(word, &wishes)?,
            false => self.admit(word, &wishes, Claimed::default())?,
        };
        let (profile, password) = (name(asked.profile)?, copy(asked.password)?);
        let outcome = unlock::unlock(self.daemon, &profile, password, asked.accept_older).await;
        self.conclude_unlocking(word, &wishes, &profile, outcome).await
    }

    pub(super) async fn create(&self, asked: &Unlock<'_>) -> Answer {
        const WORD: &str = "create";
        let wishes = [whole_profile(Operation::Unlock, asked.profile)];
        let _grant = self.admit_launcher(WORD, &wishes)?;
        let (profile, password) = (name(asked.profile)?, copy(asked.password)?);
        let outcome = unlock::create(self.daemon, &profile, password).await;
        self.conclude_unlocking(WORD, &wishes, &profile, outcome).await
    }

    /// What is not on record is not unlocked.
    async fn conclude_unlocking(
        &self,
        word: &'static str,
        wishes: &[Wish<'_>],
        profile: &TrustProfileName,
        outcome: Result<(), Refusal>,
    ) -> Answer {
        let opened = outcome.is_ok();
        let concluded = self.conclude(word, wishes, Claimed::default(), outcome).await;
        if opened && concluded.is_err() {
            // The trail failed. A wrong password leaves what is unlocked already as it is.
            self.daemon.vaults.lock_profile(profile);
        }
        concluded?;
        self.opened(profile, None)
    }

    /// Locking is never refused for want of a trail: it takes away, and releases nothing.
    pub(super) fn lock(&self, profile: Option<&str>) -> Result<(), Refusal> {
        let wishes = [lock_wish(profile)];
        let _grant = self.admit("lock", &wishes, Claimed::default())?;
        let activity = profile.map(|profile| self.daemon.vaults.activity(profile));
        if activity == Some(Activity::Unknown) {
            // The gates let it pass: to whom they don't, it says nothing of what there is.
            let unknown = Err(refusal(Reason::ProfileUnknown));
            return self.note_failure("lock", &wishes, Claimed::default(), unknown);
        }
        // Once a vault is locked, the trail's head can't be noted for it any more.
        self.daemon.note_head();
        match profile {
            None => drop(self.daemon.vaults.lock_all()),
            Some(profile) => self.daemon.vaults.lock_profile(&name(profile)?),
        }
        let _ = self.record("lock", &wishes, Claimed::default(), "granted", &[]);
        Ok(())
    }

    pub(super) fn stop(&self) -> Answer {
        self.lock(None)?;
        Ok(Reply { stop: true, ..Reply::done() })
    }
}

fn lock_wish(profile: Option<&str>) -> Wish<'_> {
    Wish { operation: Operation::Lock, profiles: profile.into_iter().collect(), key: None }
}
