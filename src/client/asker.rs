//! Asking until there is an answer: unlocking what is locked, waiting out a rate limit.

use std::{collections::BTreeSet, thread, time::Duration};

use super::{Client, ClientError, PasswordError, Passwords, Refusal, refusal};
use crate::{
    home::Home,
    say::Told,
    secret::{SecureBuffer, TrustProfileName},
    wire::message::{self, Plaintext, Problem, Reason, Request, Response, Unlock},
};

/// How long a rate limit is waited out, in all: `make -j16` over `pds run` works.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Wrong passwords before giving up, at a terminal.
const TRIES_MAX: u32 = 3;

/// Why there is no answer that does what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The daemon can't be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It refuses; all of what it refuses.
    #[error("the daemon refuses")]
    Refused(Vec<Refusal>),
    /// A password is needed and not to be had.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

impl AskError {
    /// Everything that there is to say about it.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        match self {
            Self::Refused(refusals) => refusal::told(refusals),
            Self::Client(client) => vec![Told::new(client, client.hint())],
            Self::Password(password) => vec![Told::new(password, password.hint())],
        }
    }
}

/// A channel that is opened when it is first needed, and again when a prompt
/// took longer than the daemon keeps an idle connection.
#[derive(Debug)]
pub struct Asker<'a> {
    home: &'a Home,
    passwords: &'a Passwords,
    client: Option<Client>,
}

impl<'a> Asker<'a> {
    /// Asks nothing yet.
    #[must_use]
    pub fn new(home: &'a Home, passwords: &'a Passwords) -> Self {
        Self { home, passwords, client: None }
    }

    /// Over a connection that is open already.
    #[must_use]
    pub fn with(home: &'a Home, passwords: &'a Passwords, client: Client) -> Self {
        Self { home, passwords, client: Some(client) }
    }

    /// The sources of passwords.
    #[must_use]
    pub fn passwords(&self) -> &'a Passwords {
        self.passwords
    }

    /// Where things live.
    #[must_use]
    pub fn home(&self) -> &'a Home {
        self.home
    }

    /// To be said after a question to the person, who may have slept over it: the daemon
    /// closes a connection that nothing comes over.
    pub fn forget_connection(&mut self) {
        self.client = None;
    }

    /// Makes a vault, under a password from a file or from the person.
    ///
    /// # Errors
    /// [`AskError`]; then there is none.
    pub fn create(&mut self, profile: &TrustProfileName) -> Result<(), AskError> {
        let password = self.passwords.fresh(profile)?;
        self.forget_connection();
        let password = Plaintext(password.expose());
        let request = Request::Create(Unlock { profile, password, accept_older: false });
        let about = [Wanted { profiles: vec![profile], key: "" }];
        let mut buffer = SecureBuffer::new().map_err(ClientError::from)?;
        match self.ask(&request, &about, &mut buffer)? {
            Response::Done => Ok(()),
            _ => Err(ClientError::Malformed.into()),
        }
    }

    /// Whether a vault of this profile can't be there: its folder isn't. The vaults of a
    /// client with a key of its own are elsewhere.
    #[must_use]
    pub fn lacks_vault(&self, profile: &str) -> bool {
        self.home.client_key.is_none()
            && !profile.is_empty()
            && self.home.vaults().join(profile).symlink_metadata().is_err()
    }

    /// `refusals`, in which what is no vault at all is not called a locked one.
    fn unlike_locked(&self, mut refusals: Vec<Refusal>) -> AskError {
        for refusal in &mut refusals {
            let locked = matches!(refusal.reason, Reason::Locked | Reason::ProfileInactive);
            if locked && self.lacks_vault(&refusal.profile) {
                refusal.reason = Reason::ProfileUnknown;
            }
        }
        AskError::Refused(refusals)
    }

    /// Asks once. A refusal is an answer here.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn ask_once<'b>(
        &mut self,
        request: &Request<'_>,
        buffer: &'b mut SecureBuffer,
    ) -> Result<Response<'b>, ClientError> {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(Client::connect_or_start(self.home)?),
        };
        #[cfg(feature = "ipc-field-encryption")]
        let asked = super::field::exchange(client, request, buffer);
        #[cfg(not(feature = "ipc-field-encryption"))]
        let asked = client.exchange(request, buffer);
        if let Err(error) = asked {
            self.client = None;
            return Err(error);
        }
        message::decode(buffer.as_slice()).map_err(|_| ClientError::Malformed)
    }

    /// Asks until the answer is no more "locked" or "too fast": `wanted` names
    /// what each entry of the request is about, in its order.
    ///
    /// # Errors
    /// [`AskError::Refused`] with everything that is refused.
    pub fn ask<'b>(
        &mut self,
        request: &Request<'_>,
        wanted: &[Wanted<'_>],
        buffer: &'b mut SecureBuffer,
    ) -> Result<Response<'b>, AskError> {
        let mut waited = Duration::ZERO;
        let mut may_unlock = true;
        while let Response::Refused(problems) = self.ask_once(request, buffer)? {
            if let Some(wait) = rate_limit(&problems).filter(|wait| waited + *wait <= WAIT_MAX) {
                thread::sleep(wait);
                waited += wait;
            } else if may_unlock && problems.iter().all(is_locked) && self.can_unlock() {
                self.unlock_all(wanted)?;
                may_unlock = false;
            } else {
                return Err(self.unlike_locked(explain(&problems, wanted)));
            }
        }
        // Decoded again, since a borrow can't leave a loop that it may go round in.
        let answer = message::decode(buffer.as_slice());
        Ok(answer.map_err(|_| ClientError::Malformed)?)
    }

    fn can_unlock(&self) -> bool {
        // A client's user is not asked in passing for a password that is not theirs.
        let may_ask = self.home.client_key.is_none() && self.passwords.may_ask();
        self.passwords.has_files() || may_ask
    }

    /// Unlocks every locked profile of the request: one sequence of questions,
    /// before anything starts.
    fn unlock_all(&mut self, wanted: &[Wanted<'_>]) -> Result<(), AskError> {
        let profiles: BTreeSet<&str> =
            wanted.iter().flat_map(|wanted| wanted.profiles.iter().copied()).collect();
        let locked = self.locked(&profiles)?;
        // Before anything is asked: nobody should be asked for a password that isn't.
        let unmade = locked.iter().filter(|profile| self.lacks_vault(profile));
        let unknown = Problem::with_request(Reason::ProfileUnknown);
        let unmade: Vec<_> = unmade.map(|profile| Refusal::new(unknown, profile, "")).collect();
        if !unmade.is_empty() {
            return Err(AskError::Refused(unmade));
        }
        for profile in &locked {
            self.unlock(profile, locked.len() == 1, false)?;
        }
        Ok(())
    }

    fn locked(&mut self, profiles: &BTreeSet<&str>) -> Result<Vec<TrustProfileName>, AskError> {
        let mut buffer = SecureBuffer::new().map_err(ClientError::from)?;
        let Response::Status(status) = self.ask_once(&Request::Status, &mut buffer)? else {
            return Err(ClientError::Malformed.into());
        };
        let unlocked = |name: &str| {
            let mut known = status.profiles.iter();
            known.any(|known| known.profile == name && known.unlocked_for_ms.is_some())
        };
        let locked = profiles.iter().filter(|name| !unlocked(name));
        Ok(locked.filter_map(|name| TrustProfileName::new(name).ok()).collect())
    }

    /// Unlocks one profile; at a terminal with as many tries as people need.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn unlock(
        &mut self,
        profile: &TrustProfileName,
        only: bool,
        accept_older: bool,
    ) -> Result<(), AskError> {
        let mut buffer = SecureBuffer::new().map_err(ClientError::from)?;
        for tried in 1.. {
            let password = self.passwords.of(profile, only)?;
            // The daemon may have closed the connection while the person was typing.
            self.client = None;
            let password = Plaintext(password.expose());
            let request = Request::Unlock(Unlock { profile, password, accept_older });
            let Response::Refused(problems) = self.ask_once(&request, &mut buffer)? else {
                break;
            };
            let wrong = problems.iter().any(|problem| problem.reason == Reason::WrongPassword);
            let about = [Wanted { profiles: vec![profile], key: "" }];
            let refused = AskError::Refused(explain(&problems, &about));
            if !wrong || tried >= TRIES_MAX || self.passwords.has_files() {
                return Err(refused);
            }
            refused.told().iter().for_each(Told::say);
        }
        Ok(())
    }
}

/// What an entry of a request is about.
#[derive(Debug, Clone)]
pub struct Wanted<'w> {
    /// In which profiles.
    pub profiles: Vec<&'w str>,
    /// Which key; empty for a whole profile.
    pub key: &'w str,
}

fn is_locked(problem: &Problem) -> bool {
    matches!(problem.reason, Reason::Locked | Reason::ProfileInactive)
}

fn rate_limit(problems: &[Problem]) -> Option<Duration> {
    let limited = problems.iter().find(|problem| problem.reason == Reason::RateLimited)?;
    limited.retry_after_ms.map(Duration::from_millis)
}

/// Puts the daemon's reasons beside what they are about.
fn explain(problems: &[Problem], wanted: &[Wanted<'_>]) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for problem in problems {
        let entry = problem.entry.and_then(|n| wanted.get(usize::try_from(n).ok()?));
        match entry {
            Some(wanted) => {
                let profile = wanted.profiles.last().copied().unwrap_or_default();
                refusals.push(Refusal::new(*problem, profile, wanted.key));
            }
            // About the request as a whole: said once for each profile of it.
            None => {
                let mut profiles: BTreeSet<&str> =
                    wanted.iter().filter_map(|wanted| wanted.profiles.last().copied()).collect();
                if profiles.is_empty() || !is_locked(problem) {
                    profiles = profiles.into_iter().take(1).collect();
                }
                let about: Vec<&str> = profiles.into_iter().collect();
                let about = if about.is_empty() { vec![""] } else { about };
                let key = match wanted {
                    [only] => only.key,
                    _ => "",
                };
                refusals.extend(about.iter().map(|name| Refusal::new(*problem, name, key)));
            }
        }
    }
    refusals
}
