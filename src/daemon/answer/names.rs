//! Names for completion in a shell: the one question about secrets that leaves no line.
//!
//! Pressing Tab is no use of a secret: it shows names to whoever may list them, prolongs
//! nothing, and a trail full of it would hide what matters. That is for the CLI itself,
//! which is the user, alone: anyone else could look around unseen by it.

use std::sync::Arc;

use super::{Ask, Claimed, Reply, off_the_loop, whole_profile};
use crate::{
    daemon::gate::{LAUNCHER, Operation, Rules, permits},
    secret::{KEY_MAX_BYTES, OutOfSecretMemory},
    wire::{
        NAMES_MAX,
        message::{KeyPrefix, Problem, Reason, Response},
    },
};

const WORD: &str = "complete";

impl Ask<'_> {
    pub(super) async fn complete(&self, asked: &KeyPrefix<'_>) -> Result<Reply, OutOfSecretMemory> {
        let wishes = [whole_profile(Operation::List, asked.profile)];
        let refused = |problems| Reply::new(&Response::Refused(problems));
        if !self.identity.is_launcher() {
            if let Err(problems) = self.admit(WORD, &wishes, Claimed::default()) {
                return refused(problems);
            }
            let denied = vec![Problem::with_request(Reason::AccessDenied)];
            let _ = self.record(WORD, &wishes, Claimed::default(), "denied", &denied);
            return refused(denied);
        }
        if let Err(problems) = self.ask_gates(&wishes) {
            return refused(problems);
        }
        // No key is longer, so none begins with more.
        if asked.prefix.len() > KEY_MAX_BYTES {
            return refused(vec![Problem::with_request(Reason::Malformed)]);
        }
        // Not by way of what counts a profile as used.
        let mut stores = self.daemon.vaults.unlocked_stores().into_iter();
        let Some((_, store)) = stores.find(|(name, _)| name.as_str() == asked.profile) else {
            return refused(vec![Problem::with_request(Reason::ProfileInactive)]);
        };
        let settings = Arc::clone(&self.daemon.settings.current());
        let (profile, prefix) = (asked.profile.to_owned(), asked.prefix.to_owned());
        let names = off_the_loop(move || {
            let rules = Rules { access: &settings.access, enrolled: None };
            let profile = profile.as_str();
            store.names(&prefix, NAMES_MAX, |key| {
                permits(rules, LAUNCHER, profile, Operation::List, Some(key))
            })
        });
        match names.await {
            Ok(names) => Reply::new(&Response::Names(names.iter().map(String::as_str).collect())),
            Err(problems) => refused(problems),
        }
    }
}
