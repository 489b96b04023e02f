//! Everything that the plan needs, in one batch: all of it, or nothing.

use std::ffi::OsStr;

use super::{
    RunError,
    approval::{self, Claim},
    base_name,
    plan::{Plan, Planned},
};
use crate::{
    client::{AskError, Asker, ClientError, Wanted},
    secret::{SecureBuffer, SecureBytes},
    wire::message::{Batch, Entry, KeyInProfile, Plaintext, Reason, Request, Response, Set},
};

/// A value for each of the plan's secrets; `None` where an optional one is absent.
pub(super) type Values = Vec<Option<SecureBytes>>;

/// Asks for the values, and for an approval if one is missing.
pub(super) fn fetch(
    plan: &Plan<'_>,
    asker: &mut Asker<'_>,
    command: &OsStr,
) -> Result<Values, RunError> {
    let mut values = ask(plan, asker, command, false)?;
    for (secret, value) in plan.secrets.iter().zip(&mut values) {
        if value.is_some() {
            continue;
        }
        if let Some(default) = &secret.default {
            *value = Some(SecureBytes::copy_from(default.as_bytes())?);
        } else if secret.generate.is_some() {
            *value = Some(generate(secret, asker)?);
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
        return Ok(Vec::new());
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
            command: Some(&command),
            check_only,
        });
        let mut buffer = SecureBuffer::new()?;
        match asker.ask(&request, &about, &mut buffer)? {
            Response::Values(values) if values.len() == plan.secrets.len() => {
                return copy(&values);
            }
            Response::Done if check_only => return Ok(Vec::new()),
            Response::NotApproved(short) => {
                let missing = approval::Missing::new(plan, claim.as_ref(), &short);
                // Asked for once: a daemon that says no again won't be argued with.
                if asked || check_only || !missing.ask(asker, plan, claim.as_ref())? {
                    return Err(RunError::NotApproved(missing));
                }
                asked = true;
            }
            _ => return Err(AskError::from(ClientError::Malformed).into()),
        }
    }
}

fn entry(secret: &Planned) -> Entry<'_> {
    let can_be_absent = secret.default.is_some() || secret.generate.is_some();
    Entry {
        profiles: secret.profiles.iter().map(|profile| profile.as_str()).collect(),
        key: &secret.key,
        required: secret.required && !can_be_absent,
    }
}

fn wanted(secret: &Planned) -> Wanted<'_> {
    let profiles = secret.profiles.iter().map(|profile| profile.as_str()).collect();
    Wanted { profiles, key: &secret.key }
}

fn copy(values: &[Option<Plaintext<'_>>]) -> Result<Values, RunError> {
    let one = |value: &Option<Plaintext<'_>>| {
        value.map(|value| SecureBytes::copy_from(value.0)).transpose()
    };
    Ok(values.iter().map(one).collect::<Result<_, _>>()?)
}

/// Makes an absent value and stores it. If somebody else was faster, theirs counts.
fn generate(secret: &Planned, asker: &mut Asker<'_>) -> Result<SecureBytes, RunError> {
    let Some(profile) = secret.profiles.last() else {
        return Err(AskError::from(ClientError::Malformed).into());
    };
    let at = KeyInProfile { profile, key: &secret.key };
    let about = [wanted(secret)];
    let Some(form) = &secret.generate else {
        return Err(AskError::from(ClientError::Malformed).into());
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
            _ => Err(AskError::from(ClientError::Malformed).into()),
        },
        _ => Err(AskError::from(ClientError::Malformed).into()),
    }
}
