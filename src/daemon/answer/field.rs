//! Values as they come and go: with field encryption sealed once more, without it as they are.

use super::{Answer, Ask, Claimed, Refusal, Reply, of_the_daemon, refusal};
use crate::{
    daemon::{
        field::{self, Fields},
        gate::Wish,
        vault_state::Vaults,
    },
    secret::SecureBytes,
    wire::message::{Import, KeyInProfile, Plaintext, Reason, Response, Unlocked},
};

impl Ask<'_> {
    /// What a request brings, if it could be taken. If not, it is refused behind the gates,
    /// like everything else: a profile that is locked is said to be that, and whoever may not
    /// set a key does not learn what is wrong with its value.
    pub(super) fn behind_gates<T>(
        &self,
        word: &'static str,
        wishes: &[Wish<'_>],
        taken: Result<T, Reason>,
    ) -> Result<T, Refusal> {
        taken.or_else(|reason| {
            let _grant = self.admit(word, wishes, Claimed::default())?;
            self.note_failure(word, wishes, Claimed::default(), Err(refusal(reason)))
        })
    }

    /// Refuses a request that a client of the other build sends, or that is in an envelope and
    /// none that belongs there: the gates of a request for the status speak first, and it is on
    /// the trail.
    pub(super) fn of_the_other_build(&self, reason: Reason) -> Answer {
        Ok(self.behind_gates("request", &of_the_daemon(), Err(reason))?)
    }

    /// A value as an answer takes it along.
    pub(super) fn sealed(
        &self,
        at: KeyInProfile<'_>,
        value: SecureBytes,
    ) -> Result<SecureBytes, Refusal> {
        Fields::of(&self.daemon.vaults, at.profile)
            .and_then(|fields| fields.seal(at.key, value))
            .map_err(refusal)
    }

    /// The answer to what has left a profile unlocked, and restored so many secrets.
    pub(super) fn opened(&self, profile: &str, secrets: Option<u64>) -> Answer {
        let key = field::key_for_launcher(&self.daemon.vaults, profile).map_err(refusal)?;
        let Some((key, release)) = key else {
            return Ok(Reply::plain(&secrets.map_or(Response::Done, Response::Restored)));
        };
        let lifetime = self.daemon.settings.current().lifetimes.unlocked;
        let reply = Reply::new(&Response::Unlocked(Unlocked {
            profile,
            key: Plaintext(key.expose()),
            lifetime_ms: u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX),
            secrets,
        }))?;
        // If the profile is locked before this has left, it must not leave.
        Ok(Reply { releases: vec![release], ..reply })
    }
}

/// The keys and values of an import.
pub(super) fn entries_of(
    vaults: &Vaults,
    import: &Import<'_>,
) -> Result<Vec<(String, SecureBytes)>, Reason> {
    let fields = Fields::of(vaults, import.profile)?;
    let entries = import.entries.iter();
    entries.map(|entry| Ok((entry.key.to_owned(), fields.open(entry.key, entry.value)?))).collect()
}
