//! `set`, `delete` and `rename`.

use std::str::FromStr;

use super::{
    CommandError, change, check_key, expiry, not_there, passwords_of, profile_of, read_value,
};
use crate::{
    cli::{self, Set},
    client::Asker,
    error::Error,
    home::Home,
    run::manifest::Generate,
    secret::{SecureBytes, VALUE_MAX_BYTES},
    sys::terminal,
    wire::message::{self, KeyInProfile, Plaintext, Request},
};

pub(super) fn set(options: &Set, home: &Home) -> Result<(), Error> {
    check_key(&options.key)?;
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let expires_at = options.expires.as_deref().map(expiry::parse).transpose()?;
    let value = value(options, passwords.may_ask())?;
    let mut asker = Asker::new(home, &passwords);
    let request = Request::Set(message::Set {
        at: KeyInProfile { profile: &profile, key: &options.key },
        value: Plaintext(value.expose()),
        create_only: false,
        expires_at,
    });
    change(&mut asker, &request, &profile, &options.key)
}

fn value(options: &Set, may_ask: bool) -> Result<SecureBytes, CommandError> {
    if let Some(form) = &options.generate {
        let form = Generate::from_str(form).map_err(CommandError::Generate)?;
        return Ok(form.make()?);
    }
    if options.stdin || options.from_file.is_some() {
        return Ok(read_value(options.from_file.as_deref(), VALUE_MAX_BYTES)?.into_bytes());
    }
    if !may_ask {
        return Err(CommandError::NoValue);
    }
    let key = crate::say::escaped(&options.key).to_string();
    let first = ask(&format!("pds: value of `{key}`: "))?;
    let second = ask("pds: the same again: ")?;
    if second.ct_eq(first.expose()) { Ok(first) } else { Err(CommandError::Mismatch) }
}

fn ask(question: &str) -> Result<SecureBytes, CommandError> {
    /// A line at a terminal that is longer was pasted from a file.
    const TYPED_MAX_BYTES: usize = 64 << 10;
    let mut answer = SecureBytes::zeroed(TYPED_MAX_BYTES)?;
    let len = terminal::ask_hidden(question, answer.expose_mut()).map_err(|error| match error {
        terminal::PromptError::TooLong => CommandError::ValueTooLong,
        terminal::PromptError::NoTerminal => CommandError::NoValue,
        other => CommandError::Unanswered(other),
    })?;
    answer.truncate(len);
    Ok(answer)
}

pub(super) fn delete(options: &cli::Delete, home: &Home) -> Result<(), Error> {
    check_key(&options.key)?;
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    let request = Request::Delete(KeyInProfile { profile: &profile, key: &options.key });
    change(&mut asker, &request, &profile, &options.key).map_err(not_there)
}

pub(super) fn rename(options: &cli::Rename, home: &Home) -> Result<(), Error> {
    check_key(&options.from)?;
    check_key(&options.to)?;
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    let from = KeyInProfile { profile: &profile, key: &options.from };
    let request = Request::Rename(message::Rename { from, to: &options.to });
    change(&mut asker, &request, &profile, &options.from)
        .map_err(|error| not_there(exists(error, &options.to)))
}

/// Of a rename, what exists is the new name and not the old one.
fn exists(mut error: Error, to: &str) -> Error {
    if let Error::Ask(crate::client::AskError::Refused(refusals)) = &mut error {
        for refusal in refusals {
            if refusal.reason == message::Reason::Exists {
                to.clone_into(&mut refusal.key);
            }
        }
    }
    error
}
