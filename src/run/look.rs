//! What is there of a plan, without any value: for `check`, `explain` and `--dry-run`.
//! Nothing is unlocked by it, no lifetime is prolonged, and no approval is needed.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
};

use super::{
    RunError,
    approval::{Claim, Missing},
    base_name,
    plan::{Plan, Planned},
};
use crate::{
    client::{AskError, Asker, ClientError, Refusal},
    secret::{SecureBuffer, TrustProfileName},
    wire::{
        BATCH_MAX_ENTRIES,
        message::{Batch, Entry, Problem, Reason, Request, Response},
    },
};

/// What is known of a key in one profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// It is there.
    There {
        /// When its value should have been replaced, in milliseconds since 1970.
        expires_at: Option<i64>,
    },
    /// It isn't.
    Absent,
    /// The profile is locked.
    Locked,
    /// There is no such profile.
    NoVault,
    /// The daemon says no.
    Refused(Reason),
}

impl Sight {
    /// The stable word for it in `--json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::There { .. } => "there",
            Self::Absent => "absent",
            Self::Locked => "locked",
            Self::NoVault => "no-vault",
            Self::Refused(reason) => reason.word(),
        }
    }
}

/// A key in one of the profiles where it is looked for.
#[derive(Debug, Clone)]
pub struct Place {
    /// The profile.
    pub profile: TrustProfileName,
    /// What is known.
    pub sight: Sight,
}

/// What is known of a whole plan.
#[derive(Debug)]
pub struct Look {
    /// For each secret, in the plan's order, each of its profiles; later ones count more.
    pub secrets: Vec<Vec<Place>>,
    /// Profiles that are locked.
    pub locked: BTreeSet<TrustProfileName>,
    /// Those of them that are because their vault was found damaged.
    damaged: BTreeSet<TrustProfileName>,
    /// Profiles that have no vault.
    pub unknown: BTreeSet<TrustProfileName>,
    /// Where the manifest's approval falls short, as far as that can be seen.
    pub not_approved: Option<Missing>,
}

/// The place that a secret's value would come from, if that can be told.
#[must_use]
pub fn winner(places: &[Place]) -> Option<&Place> {
    let last = places.iter().rev().find(|place| place.sight != Sight::Absent);
    last.filter(|place| matches!(place.sight, Sight::There { .. }))
}

impl Look {
    /// Looks.
    ///
    /// # Errors
    /// [`RunError::Ask`] if the daemon can't be asked at all.
    pub fn new(plan: &Plan<'_>, asker: &mut Asker<'_>, command: &OsStr) -> Result<Self, RunError> {
        let known = profiles(asker)?;
        let place = |profile: &TrustProfileName| Place {
            profile: profile.clone(),
            // Who may not ask for the state finds out by asking for the keys.
            sight: known.as_ref().map_or(Sight::Absent, |known| match known.get(profile) {
                Some(Known { unlocked: true, .. }) => Sight::Absent,
                Some(_) => Sight::Locked,
                None => Sight::NoVault,
            }),
        };
        let places = |secret: &Planned| secret.profiles.iter().map(place).collect();
        let named: BTreeSet<_> = super::approval::vaults(plan);
        let mut look = Self {
            secrets: plan.secrets.iter().map(places).collect(),
            locked: named.iter().filter(|p| place(p).sight == Sight::Locked).cloned().collect(),
            unknown: named.iter().filter(|p| place(p).sight == Sight::NoVault).cloned().collect(),
            damaged: known
                .iter()
                .flatten()
                .filter(|(_, k)| k.damaged)
                .map(|(p, _)| p.clone())
                .collect(),
            not_approved: None,
        };
        look.ask(plan, asker, command)?;
        Ok(look)
    }

    /// Asks for what may be asked for, and again for the rest if some of it is denied.
    fn ask(
        &mut self,
        plan: &Plan<'_>,
        asker: &mut Asker<'_>,
        command: &OsStr,
    ) -> Result<(), RunError> {
        let claim = plan.manifest.map(|manifest| Claim::new(manifest, &plan.profiles));
        let command = base_name(command);
        let mut open = self.open_places();
        if open.is_empty() && (!plan.secrets.is_empty() || self.is_anything_shut()) {
            return Ok(());
        }
        loop {
            let now = open.len().min(BATCH_MAX_ENTRIES);
            let entry = |&(secret, at): &(usize, usize)| Entry {
                profiles: vec![self.secrets[secret][at].profile.as_str()],
                key: plan.secrets[secret].key.as_str(),
                required: false,
            };
            let request = Request::Look(Batch {
                entries: open[..now].iter().map(entry).collect(),
                manifest: claim.as_ref().map(Claim::to_wire),
                project: plan.manifest.and_then(|manifest| manifest.project.as_deref()),
                command: Some(command.as_str()).filter(|command| !command.is_empty()),
                check_only: true,
            });
            let mut buffer = SecureBuffer::new()?;
            match asker.ask_once(&request, &mut buffer).map_err(AskError::from)? {
                Response::Seen(seen) if seen.keys.len() == now => {
                    for (&(secret, at), key) in open[..now].iter().zip(&seen.keys) {
                        let there = |key: &crate::wire::message::SeenKey| Sight::There {
                            expires_at: key.expires_at,
                        };
                        self.secrets[secret][at].sight = key.as_ref().map_or(Sight::Absent, there);
                    }
                    if let Some(short) = &seen.short {
                        self.not_approved = Some(Missing::new(plan, claim.as_ref(), short));
                    }
                    open.drain(..now);
                }
                Response::Refused(problems) => self.leave_out(&mut open, &problems)?,
                _ => return Err(ClientError::Malformed.into()),
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    fn is_anything_shut(&self) -> bool {
        !self.locked.is_empty() || !self.unknown.is_empty()
    }

    /// The secrets and their profiles that an unlocked vault can be asked for.
    fn open_places(&self) -> Vec<(usize, usize)> {
        let mut open = Vec::new();
        for (secret, places) in self.secrets.iter().enumerate() {
            let asked = places.iter().enumerate().filter(|(_, p)| p.sight == Sight::Absent);
            open.extend(asked.map(|(at, _)| (secret, at)));
        }
        open
    }

    /// Notes what is refused, and takes it out of what is still to be asked.
    fn leave_out(
        &mut self,
        open: &mut Vec<(usize, usize)>,
        problems: &[Problem],
    ) -> Result<(), RunError> {
        let mut refused = BTreeSet::new();
        for problem in problems {
            let Some(n) = problem.entry.and_then(|n| usize::try_from(n).ok()) else {
                // About the request as a whole: nothing of it can be seen.
                let about = vec![Refusal::new(*problem, "", "")];
                return Err(AskError::Refused(about).into());
            };
            if let Some(&(secret, at)) = open.get(n) {
                let place = &mut self.secrets[secret][at];
                place.sight = match problem.reason {
                    Reason::Locked | Reason::ProfileInactive => {
                        self.locked.insert(place.profile.clone());
                        Sight::Locked
                    }
                    Reason::ProfileUnknown => {
                        self.unknown.insert(place.profile.clone());
                        Sight::NoVault
                    }
                    reason => Sight::Refused(reason),
                };
                refused.insert(n);
            }
        }
        if refused.is_empty() {
            return Err(ClientError::Malformed.into());
        }
        let mut n = 0;
        open.retain(|_| {
            n += 1;
            !refused.contains(&(n - 1))
        });
        Ok(())
    }

    /// What of it would keep a command from starting: first the profiles, then the keys.
    #[must_use]
    pub fn refusals(&self, plan: &Plan<'_>) -> Vec<Refusal> {
        let about = |profile: &TrustProfileName, reason| {
            Refusal::new(Problem::with_request(reason), profile, "")
        };
        let mut all: Vec<_> =
            self.unknown.iter().map(|p| about(p, Reason::ProfileUnknown)).collect();
        all.extend(self.locked.iter().map(|p| match self.damaged.contains(p) {
            true => about(p, Reason::VaultDamaged),
            false => about(p, Reason::ProfileInactive),
        }));
        for (secret, places) in plan.secrets.iter().zip(&self.secrets) {
            let refusal = |place: &Place, reason| {
                Refusal::new(Problem::with_request(reason), &place.profile, &secret.key)
            };
            let denied = places.iter().find_map(|place| match place.sight {
                Sight::Refused(reason) => Some(refusal(place, reason)),
                _ => None,
            });
            let absent = places.iter().all(|place| place.sight == Sight::Absent);
            let missing = (absent && secret.must_be_there()).then_some(places.last()).flatten();
            all.extend(denied.or_else(|| missing.map(|place| refusal(place, Reason::NotFound))));
        }
        all
    }

    /// The keys that can't be seen because a profile is locked, by profile.
    #[must_use]
    pub fn unseen<'p>(&self, plan: &'p Plan<'_>) -> Vec<(TrustProfileName, Vec<&'p str>)> {
        let keys = |profile: &TrustProfileName| {
            let asked = plan.secrets.iter().filter(|secret| secret.profiles.contains(profile));
            asked.map(|secret| secret.key.as_str()).collect()
        };
        self.locked.iter().map(|profile| (profile.clone(), keys(profile))).collect()
    }
}

/// What is known of a profile that has a vault.
#[derive(Debug)]
struct Known {
    unlocked: bool,
    damaged: bool,
}

/// Every profile that has a vault, those that are unlocked first: of the others each needs
/// its password.
///
/// # Errors
/// [`RunError::Ask`].
pub fn all_profiles(asker: &mut Asker<'_>) -> Result<Vec<TrustProfileName>, RunError> {
    let known = profiles(asker)?.unwrap_or_default();
    let (open, locked): (Vec<_>, Vec<_>) = known.into_iter().partition(|(_, known)| known.unlocked);
    Ok(open.into_iter().chain(locked).map(|(name, _)| name).collect())
}

/// Each profile that has a vault; `None` if this client may not know.
fn profiles(asker: &mut Asker<'_>) -> Result<Option<BTreeMap<TrustProfileName, Known>>, RunError> {
    let mut buffer = SecureBuffer::new()?;
    let status = match asker.ask_once(&Request::Status, &mut buffer).map_err(AskError::from)? {
        Response::Status(status) => status,
        Response::Refused(problems)
            if problems.iter().all(|problem| problem.reason == Reason::AccessDenied) =>
        {
            return Ok(None);
        }
        Response::Refused(problems) => {
            let about = problems.iter().map(|problem| Refusal::new(*problem, "", ""));
            return Err(AskError::Refused(about.collect()).into());
        }
        _ => return Err(ClientError::Malformed.into()),
    };
    let known = status.profiles.iter().filter_map(|known| {
        let name = TrustProfileName::new(known.profile).ok()?;
        let (unlocked, damaged) = (known.unlocked_for_ms.is_some(), known.damaged == Some(true));
        Some((name, Known { unlocked, damaged }))
    });
    Ok(Some(known.collect()))
}
