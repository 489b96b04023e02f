//! The first time: a vault that isn't there yet, and secrets that nobody has stored.
//!
//! Only at a terminal. Every answer is kept as soon as it is given: whoever breaks off
//! in the middle is asked for the rest the next time, and for nothing twice.

use super::{RunError, approval::is_yes, plan::Plan};
use crate::{
    client::{AskError, Asker, PasswordError, Refusal, Wanted},
    say::escaped,
    secret::{SecureBuffer, SecureBytes, TrustProfileName},
    sys::terminal::{self, PromptError},
    wire::message::{KeyInProfile, Plaintext, Reason, Request, Set},
};

/// A line at a terminal that is longer was pasted from a file.
const TYPED_MAX_BYTES: usize = 64 << 10;

/// Asks the person for what was refused only because it isn't there. If it returns, it is
/// there now, and the plan's values are worth asking for again.
///
/// # Errors
/// What was refused, if it was for another reason or if the person has none to give.
pub(super) fn provide(
    plan: &Plan<'_>,
    asker: &mut Asker<'_>,
    refused: Vec<Refusal>,
) -> Result<(), RunError> {
    if refused.iter().any(|refusal| refusal.reason == Reason::ProfileUnknown) {
        return make_vaults(plan, asker, refused);
    }
    let is_missing =
        |refusal: &Refusal| refusal.reason == Reason::NotFound && !refusal.key.is_empty();
    if !refused.iter().all(is_missing) {
        return Err(AskError::Refused(refused).into());
    }
    let mut missing = refused;
    missing.dedup_by(|a, b| a.key == b.key && a.profile == b.profile);
    for at in 0..missing.len() {
        let before = if at == 0 { introduction(missing.len()) } else { String::new() };
        let value = ask(&format!("{before}{}", question(plan, &missing[at])))?;
        if value.is_empty() {
            return Err(AskError::Refused(missing.split_off(at)).into());
        }
        asker.forget_connection();
        store(asker, &missing[at], &value)?;
    }
    Ok(())
}

/// Makes the vaults that are lacking, if the person says so.
fn make_vaults(
    plan: &Plan<'_>,
    asker: &mut Asker<'_>,
    refused: Vec<Refusal>,
) -> Result<(), RunError> {
    let wanted = super::approval::vaults(plan);
    let lacking: Vec<&TrustProfileName> =
        wanted.iter().filter(|profile| asker.lacks_vault(profile)).collect();
    if lacking.is_empty() {
        return Err(AskError::Refused(refused).into());
    }
    for profile in lacking {
        let question = format!("pds: profile `{profile}` has no vault yet; make one? [Y/n] ");
        let answer = terminal::ask(&question).map_err(unanswered)?;
        if !answer.is_empty() && !is_yes(&answer) {
            return Err(AskError::Refused(refused).into());
        }
        asker.create(profile)?;
    }
    Ok(())
}

fn introduction(missing: usize) -> String {
    let what = match missing {
        1 => "a secret is missing; it is".to_owned(),
        _ => format!("{missing} secrets are missing; each is"),
    };
    format!("pds: {what} stored as soon as you have entered it\n")
}

/// What is wanted, for which variable, and what the manifest says about it.
fn question(plan: &Plan<'_>, missing: &Refusal) -> String {
    let mut text = String::new();
    let wanted = plan.secrets.iter().find(|secret| {
        let last = secret.profiles.last().map(TrustProfileName::as_str);
        secret.key == missing.key && last == Some(&missing.profile)
    });
    let known = plan.manifest.map(|manifest| manifest.secrets.as_slice()).unwrap_or_default();
    let said = wanted.and_then(|secret| known.iter().find(|s| s.variable == secret.variable));
    if let Some(about) = said.and_then(|secret| secret.about.as_deref()) {
        text.push_str(&format!("pds: about `{}`: {}\n", escaped(&missing.key), escaped(about)));
    }
    let variable = wanted.map(|secret| format!(", for {}", secret.variable)).unwrap_or_default();
    text.push_str(&format!("pds: value of `{}`{variable}: ", escaped(&missing.key)));
    text
}

fn ask(question: &str) -> Result<SecureBytes, RunError> {
    let mut answer = SecureBytes::zeroed(TYPED_MAX_BYTES)?;
    let len = terminal::ask_hidden(question, answer.expose_mut()).map_err(unanswered)?;
    answer.truncate(len);
    Ok(answer)
}

fn unanswered(error: PromptError) -> RunError {
    AskError::from(PasswordError::from(error)).into()
}

/// Stores an answer. If somebody else was faster, theirs counts.
fn store(asker: &mut Asker<'_>, missing: &Refusal, value: &SecureBytes) -> Result<(), RunError> {
    let (profile, key) = (missing.profile.as_str(), missing.key.as_str());
    let request = Request::Set(Set {
        at: KeyInProfile { profile, key },
        value: Plaintext(value.expose()),
        create_only: true,
        expires_at: None,
    });
    let mut buffer = SecureBuffer::new()?;
    match asker.ask(&request, &[Wanted { profiles: vec![profile], key }], &mut buffer) {
        Ok(_) => Ok(()),
        Err(AskError::Refused(all)) if all.iter().all(|r| r.reason == Reason::Exists) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
