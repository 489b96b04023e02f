//! Everything that the plan needs, in one batch: all of it, or nothing.

use std::ffi::OsStr;

use super::{
    RunError,
    approval::{self, Claim},
    base_name,
    environment::{Resolved, SecretValue},
    first_use,
    plan::{Plan, Planned},
};
use crate::{
    client::{Addresses, Answered, AskError, Asker, ClientError, Wanted},
    secret::{SecureBuffer, SecureBytes},
    variable::VariableName,
    wire::message::{Batch, Entry, KeyInProfile, Plaintext, Reason, Request, Response, Set},
};

/// A value for each of the plan's secrets, where the answer has them.
#[derive(Debug)]
pub(super) struct Values {
    answered: Answered,
    /// What was made here in the place of one that is absent.
    made: Vec<Option<SecureBytes>>,
}

impl Values {
    fn none() -> Result<Self, RunError> {
        Ok(Self::from(Answered::new(SecureBuffer::new()?, Addresses::of(&[]))))
    }

    /// Each value that there is, by its variable.
    pub(super) fn resolved<'v>(&'v self, plan: &'v Plan<'_>) -> Vec<Resolved<'v>> {
        let named = plan.secrets.iter().zip(self.iter());
        let resolved = named.filter_map(|(secret, value)| {
            let value = SecretValue::Answered(value?);
            Some(Resolved { name: &secret.variable, value, hidden: secret.hidden })
        });
        resolved.collect()
    }

    /// The variables of those that there are none of.
    pub(super) fn absent<'v>(&self, plan: &'v Plan<'_>) -> Vec<&'v VariableName> {
        let named = plan.secrets.iter().zip(self.iter());
        let absent = named.filter(|(secret, value)| value.is_none() && !secret.hidden);
        absent.map(|(secret, _)| &secret.variable).collect()
    }

    /// The values in the plan's order; `None` where an optional one is absent.
    fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let made = self.made.iter().map(|made| made.as_ref().map(SecureBytes::expose));
        self.answered.iter().zip(made).map(|(answered, made)| answered.or(made))
    }
}

impl From<Answered> for Values {
    fn from(answered: Answered) -> Self {
        let made = answered.iter().map(|_| None).collect();
        Self { answered, made }
    }
}

/// Asks for the values, and for an approval if one is missing.
pub(super) fn fetch(
    plan: &Plan<'_>,
    asker: &mut Asker<'_>,
    command: &OsStr,
) -> Result<Values, RunError> {
    let mut values = loop {
        match ask(plan, asker, command, false) {
            Err(RunError::Ask(AskError::Refused(all)))
                if asker.home().client_key.is_none() && asker.passwords().may_ask() =>
            {
                first_use::provide(plan, asker, all)?;
            }
            outcome => break outcome?,
        }
    };
    let Values { answered, made } = &mut values;
    for ((secret, answered), made) in plan.secrets.iter().zip(answered.iter()).zip(made) {
        if answered.is_some() {
            continue;
        }
        if let Some(default) = &secret.default {
            *made = Some(SecureBytes::copy_from(default.as_bytes())?);
        } else if secret.generate.is_some() {
            *made = Some(generate(secret, asker)?);
        }
    }
    Ok(values)
}

/// Asks whether the values could be had. None of them comes here.
pub(super) fn check(
    plan: &Plan<'_>,
    asker: &mut Asker<'_>,
    command: &OsStr,
) -> Result<(), RunError> {
    ask(plan, asker, command, true).map(drop)
}

fn ask(
    plan: &Plan<'_>,
    asker: &mut Asker<'_>,
    command: &OsStr,
    check_only: bool,
) -> Result<Values, RunError> {
    if plan.secrets.is_empty() && plan.manifest.is_none() {
        return Values::none();
    }
    let claim = plan.manifest.map(|manifest| Claim::new(manifest, &plan.profiles));
    let command = base_name(command);
    let wanted: Vec<_> = plan.secrets.iter().map(wanted).collect();
    let about: Vec<Wanted<'_>> = if wanted.is_empty() {
        vec![Wanted { profiles: plan.profiles.iter().map(|p| p.as_str()).collect(), key: "" }]
    } else {
        wanted
    };
    let mut asked = false;
    loop {
        let request = Request::Resolve(Batch {
            entries: plan.secrets.iter().map(entry).collect(),
            manifest: claim.as_ref().map(Claim::to_wire),
            project: plan.manifest.and_then(|manifest| manifest.project.as_deref()),
            command: Some(command.as_str()).filter(|name| !name.is_empty()),
            check_only,
        });
        let mut buffer = SecureBuffer::new()?;
        match asker.ask(&request, &about, &mut buffer)? {
            Response::Values(values) if values.len() == plan.secrets.len() => {
                let addresses = Addresses::of(&values);
                return Ok(Answered::new(buffer, addresses).into());
            }
            Response::Done if check_only => return Values::none(),
            Response::NotApproved(short) => {
                let mut missing = approval::Missing::new(plan, claim.as_ref(), &short);
                // Asked for once: a daemon that says no again won't be argued with.
                if asked || check_only || !missing.ask(asker, plan, claim.as_ref())? {
                    return Err(RunError::NotApproved(missing));
                }
                asked = true;
            }
            _ => return Err(ClientError::Malformed.into()),
        }
    }
}

fn entry(secret: &Planned) -> Entry<'_> {
    Entry {
        profiles: secret.profiles.iter().map(|profile| profile.as_str()).collect(),
        key: &secret.key,
        required: secret.must_be_there(),
    }
}

fn wanted(secret: &Planned) -> Wanted<'_> {
    let profiles = secret.profiles.iter().map(|profile| profile.as_str()).collect();
    Wanted { profiles, key: &secret.key }
}

/// Makes an absent value and stores it. If somebody else was faster, theirs counts.
fn generate(secret: &Planned, asker: &mut Asker<'_>) -> Result<SecureBytes, RunError> {
    let Some(profile) = secret.profiles.last() else {
        return Err(ClientError::Malformed.into());
    };
    let at = KeyInProfile { profile, key: &secret.key };
    let about = [wanted(secret)];
    let Some(form) = &secret.generate else {
        return Err(ClientError::Malformed.into());
    };
    let value = form.make()?;
    let set = Request::Set(Set {
        at,
        value: Plaintext(value.expose()),
        create_only: true,
        expires_at: None,
    });
    let mut buffer = SecureBuffer::new()?;
    match asker.ask(&set, &about, &mut buffer) {
        Ok(_) => return Ok(value),
        Err(AskError::Refused(all)) if all.iter().all(|r| r.reason == Reason::Exists) => {}
        Err(error) => return Err(error.into()),
    }
    match asker.ask(&Request::Get(at), &about, &mut buffer)? {
        Response::Values(values) => match values.as_slice() {
            [Some(value)] => Ok(SecureBytes::copy_from(value.0)?),
            _ => Err(ClientError::Malformed.into()),
        },
        _ => Err(ClientError::Malformed.into()),
    }
}
