//! Locking and unlocking.

use super::{Ask, Claimed, Refusal, Reply, copy, whole_profile};
use crate::{
    daemon::{
        gate::{Operation, Wish},
        unlock,
    },
    secret::{OutOfSecretMemory, TrustProfileName},
    wire::message::{Problem, Reason, Response, Unlock},
};

impl Ask<'_> {
    pub(super) async fn unlock(&self, asked: &Unlock<'_>, create: bool) -> Result<(), Refusal> {
        // Going back on purpose is another thing than unlocking, and is told as one.
        let word = match (create, asked.accept_older) {
            (true, _) => "create",
            (false, true) => "unlock-older",
            (false, false) => "unlock",
        };
        let wishes = [whole_profile(Operation::Unlock, asked.profile)];
        // Making a vault, or going back on purpose, is for whoever owns them.
        let _grant = match word {
            "unlock" => self.admit(word, &wishes, Claimed::default())?,
            _ => self.admit_launcher(word, &wishes)?,
        };
        let profile = TrustProfileName::new(asked.profile)
            .map_err(|_| vec![Problem::with_request(Reason::InvalidProfile)])?;
        let password = copy(asked.password)?;
        let outcome = if create {
            unlock::create(self.daemon, &profile, password).await
        } else {
            unlock::unlock(self.daemon, &profile, password, asked.accept_older).await
        };
        let opened = outcome.is_ok();
        let concluded = self.conclude(word, &wishes, Claimed::default(), outcome).await;
        if opened && concluded.is_err() {
            // The trail failed: what is not on record is not unlocked. A wrong
            // password leaves what is unlocked already as it is.
            self.daemon.vaults.lock_profile(&profile);
        }
        concluded
    }

    /// Locking is never refused for want of a trail: it takes away, and releases nothing.
    pub(super) fn lock(&self, profile: Option<&str>) -> Result<(), Refusal> {
        let wishes = [lock_wish(profile)];
        let _grant = self.admit("lock", &wishes, Claimed::default())?;
        // Once a vault is locked, the trail's head can't be noted for it any more.
        self.daemon.note_head();
        match profile {
            None => drop(self.daemon.vaults.lock_all()),
            Some(name) => match TrustProfileName::new(name) {
                Ok(name) => self.daemon.vaults.lock_profile(&name),
                Err(_) => return Err(vec![Problem::with_request(Reason::InvalidProfile)]),
            },
        }
        let _ = self.record("lock", &wishes, Claimed::default(), "granted", &[]);
        Ok(())
    }

    pub(super) fn stop(&self) -> Result<Reply, OutOfSecretMemory> {
        match self.lock(None) {
            Ok(()) => Ok(Reply { stop: true, ..Reply::new(&Response::Done)? }),
            Err(problems) => Reply::new(&Response::Refused(problems)),
        }
    }
}

fn lock_wish(profile: Option<&str>) -> Wish<'_> {
    Wish { operation: Operation::Lock, profiles: profile.into_iter().collect(), key: None }
}
