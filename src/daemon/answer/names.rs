//! Names for completion in a shell: the one question about secrets that leaves no line.
//!
//! Pressing Tab is no use of a secret: it shows names to whoever may list them, prolongs
//! nothing, and a trail full of it would hide what matters. That is for the CLI itself,
//! which is the user, alone: anyone else could look around unseen by it.

use super::{Answer, Ask, Claimed, Reply, off_the_loop, refusal, whole_profile};
use crate::{
    daemon::gate::{LAUNCHER, Operation, Rules, permits},
    secret::KEY_MAX_BYTES,
    wire::{
        NAMES_MAX,
        message::{KeyPrefix, Reason, Response},
    },
};

const WORD: &str = "complete";

impl Ask<'_> {
    pub(super) async fn complete(&self, asked: &KeyPrefix<'_>) -> Answer {
        let wishes = [whole_profile(Operation::List, asked.profile)];
        if !self.identity.is_launcher() {
            let _grant = self.admit(WORD, &wishes, Claimed::default())?;
            let denied = refusal(Reason::AccessDenied);
            return Err(self.deny(WORD, &wishes, Claimed::default(), denied).into());
        }
        let _grant = self.ask_gates(&wishes)?;
        // No key is longer, so none begins with more.
        if asked.prefix.len() > KEY_MAX_BYTES {
            return Err(refusal(Reason::Malformed).into());
        }
        // Not by way of what counts a profile as used.
        let mut stores = self.daemon.vaults.unlocked_stores().into_iter();
        let Some((_, store)) = stores.find(|(name, _)| name.as_str() == asked.profile) else {
            return Err(refusal(Reason::ProfileInactive).into());
        };
        let settings = self.daemon.settings.current();
        let (profile, prefix) = (asked.profile.to_owned(), asked.prefix.to_owned());
        let names = off_the_loop(move || {
            let rules = Rules { access: &settings.access, enrolled: None };
            let profile = profile.as_str();
            store.names(&prefix, NAMES_MAX, |key| {
                permits(rules, LAUNCHER, profile, Operation::List, Some(key))
            })
        })
        .await?;
        Ok(Reply::new(&Response::Names(names.iter().map(String::as_str).collect()))?)
    }
}
