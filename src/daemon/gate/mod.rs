//! The gates: what can refuse a request, one file a question.
//!
//! A gate is a pure function of facts to evidence or denial: no I/O, no clock
//! of its own, nothing async. All of the evidence together makes a [`Grant`],
//! which nothing else can construct and without which the cache can't be
//! asked. Deleting a gate therefore does not compile.

mod access;
mod identity;
mod key;
mod lock;
mod profile;
mod rate;

use std::time::Duration;

pub use access::{Access, Enrolled, Rules, globs_of, permits};
pub use identity::Peer;
pub use profile::Activity;
pub use rate::{Buckets, Pace, RateLimits};

pub use crate::secret::LAUNCHER;
use crate::wire::message::{Problem, Reason};

/// What a requester wants to do with a key or a profile. Access rules are by operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Read a value.
    Get,
    /// Store a value.
    Set,
    /// Remove a key.
    Delete,
    /// See the names of keys.
    List,
    /// Open a profile.
    Unlock,
    /// Close one, or everything.
    Lock,
    /// See the state of the daemon.
    Status,
}

/// The operations that a rule can grant.
pub const OPERATIONS: [Operation; 6] = [
    Operation::Get,
    Operation::Set,
    Operation::Delete,
    Operation::List,
    Operation::Unlock,
    Operation::Lock,
];

impl Operation {
    /// The word for it on the audit trail and in access rules.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Unlock => "unlock",
            Self::Lock => "lock",
            Self::Status => "status",
        }
    }

    /// Whether it needs an unlocked, active profile.
    fn is_about_secrets(self) -> bool {
        matches!(self, Self::Get | Self::Set | Self::Delete | Self::List)
    }
}

/// One thing that a request wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish<'r> {
    /// What to do.
    pub operation: Operation,
    /// In which profiles. More than one only for a batch's entry.
    pub profiles: Vec<&'r str>,
    /// With which key; `None` for what is about a whole profile or the daemon.
    pub key: Option<&'r str>,
}

/// What the gates look at.
#[derive(Debug)]
pub struct Facts<'f> {
    /// Whether any profile is unlocked.
    pub any_unlocked: bool,
    /// The activity of a profile, by name.
    pub activity: &'f dyn ActivityOf,
    /// Who asks, as the registry knows it.
    pub peer: Peer,
    /// The access rules in force.
    pub rules: Rules<'f>,
    /// The limits of rate in force.
    pub limits: &'f RateLimits,
    /// Now, on CLOCK_BOOTTIME.
    pub now: Duration,
}

/// Looks the activity of a profile up.
pub trait ActivityOf: std::fmt::Debug {
    /// Whether `profile` is active, inactive or unknown.
    fn activity(&self, profile: &str) -> Activity;
}

/// Proof that every gate has let a request pass, for exactly these wishes.
#[derive(Debug)]
#[must_use = "a grant that is not used means that nothing was done"]
pub struct Grant<'r> {
    requester: String,
    wishes: &'r [Wish<'r>],
    _evidence: Evidence,
}

/// What each gate has shown. Private: only [`admit`] can bring it together.
#[derive(Debug)]
struct Evidence {
    _unlocked: Option<lock::Unlocked>,
    _active: Option<profile::Active>,
    _known: identity::Known,
    _within_rate: rate::Within,
    _granted: access::Granted,
    _valid: key::Valid,
}

impl<'r> Grant<'r> {
    /// The name of the requester, from the registry.
    #[must_use]
    pub fn requester(&self) -> &str {
        &self.requester
    }

    /// What was granted.
    #[must_use]
    pub fn wishes(&self) -> &'r [Wish<'r>] {
        self.wishes
    }
}

/// Asks all the gates in their order, cheapest first; the first refusal ends it.
///
/// # Errors
/// What refuses: for a batch, each entry that this gate refuses.
pub fn admit<'r>(
    wishes: &'r [Wish<'r>],
    facts: &Facts<'_>,
    buckets: &mut Buckets,
) -> Result<Grant<'r>, Vec<Problem>> {
    let about_secrets = wishes.iter().any(|wish| wish.operation.is_about_secrets());
    let (mut unlocked, mut active) = (None, None);
    if about_secrets {
        unlocked = Some(lock::ask(facts.any_unlocked)?);
        active = Some(profile::ask(wishes, facts.activity)?);
    }
    let known = identity::ask(&facts.peer)?;
    let within_rate = rate::ask(known.name(), facts.limits, buckets, facts.now)?;
    let granted = access::ask(known.name(), wishes, facts.rules)?;
    let valid = key::ask(wishes)?;
    Ok(Grant {
        requester: known.name().to_owned(),
        wishes,
        _evidence: Evidence {
            _unlocked: unlocked,
            _active: active,
            _known: known,
            _within_rate: within_rate,
            _granted: granted,
            _valid: valid,
        },
    })
}

/// Judges each wish; evidence only if none is refused.
fn each<T>(
    wishes: &[Wish<'_>],
    evidence: T,
    refusal: impl Fn(&Wish<'_>) -> Option<Reason>,
) -> Result<T, Vec<Problem>> {
    let problems: Vec<_> = wishes
        .iter()
        .enumerate()
        .filter_map(|(n, wish)| refusal(wish).map(|reason| Problem::with_entry(n, reason)))
        .collect();
    if problems.is_empty() { Ok(evidence) } else { Err(problems) }
}

#[cfg(test)]
mod tests;
