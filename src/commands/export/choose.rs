//! Which keys, and what each is called.

use std::collections::{BTreeMap, BTreeSet};

use super::{Clash, ExportError};
use crate::{
    client::{Asker, ClientError, Wanted},
    commands::CommandError,
    error::Error,
    secret::{SecureBuffer, TrustProfileName, validate_secret_key},
    variable::{VariableName, pattern},
    wire::message::{Request, Response},
};

/// A key, and the name that it gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) key: String,
    pub(super) name: String,
}

/// The keys that `arguments` name, each once, in their order.
pub(super) fn choose(
    arguments: &[String],
    profiles: &[TrustProfileName],
    has_keys: bool,
    asker: &mut Asker<'_>,
) -> Result<Vec<Chosen>, Error> {
    let mut there = None;
    let mut wanted: Vec<(Option<&str>, String)> = Vec::new();
    for argument in arguments {
        let (name, key) = match argument.split_once('=') {
            Some((name, key)) => (Some(name), key),
            None => (None, argument.as_str()),
        };
        if name.is_some_and(|name| !VariableName::is_valid(name)) {
            return Err(failed(ExportError::NotAVariable(argument.clone())));
        }
        if !key.contains('*') {
            validate_secret_key(key)
                .map_err(|reason| failed(ExportError::NotAKey { key: key.to_owned(), reason }))?;
            wanted.push((name, key.to_owned()));
            continue;
        }
        if name.is_some() {
            return Err(failed(ExportError::NamedPattern(argument.clone())));
        }
        let there = match &there {
            Some(there) => there,
            None => there.insert(list(profiles, asker)?),
        };
        let before = wanted.len();
        wanted.extend(
            there
                .iter()
                .filter(|there| pattern::is_of(there, key))
                .map(|there| (None, there.clone())),
        );
        if wanted.len() == before {
            return Err(failed(ExportError::NoMatch(key.to_owned())));
        }
    }
    name_all(wanted, has_keys).map_err(|clashes| failed(ExportError::Names(clashes)))
}

fn failed(error: ExportError) -> Error {
    CommandError::from(error).into()
}

/// The keys of all `profiles`.
fn list(profiles: &[TrustProfileName], asker: &mut Asker<'_>) -> Result<BTreeSet<String>, Error> {
    let mut keys = BTreeSet::new();
    for profile in profiles {
        let about = [Wanted { profiles: vec![profile], key: "" }];
        let mut buffer = SecureBuffer::new()?;
        match asker.ask(&Request::List(profile), &about, &mut buffer)? {
            Response::Keys(rows) => keys.extend(rows.iter().map(|row| row.key.to_owned())),
            _ => return Err(ClientError::Malformed.into()),
        }
    }
    Ok(keys)
}

fn name_all(
    wanted: Vec<(Option<&str>, String)>,
    has_keys: bool,
) -> Result<Vec<Chosen>, Vec<Clash>> {
    let (mut chosen, mut clashes) = (Vec::new(), Vec::new());
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for (name, key) in wanted {
        let name = match name {
            Some(name) => name.to_owned(),
            None if has_keys => key.clone(),
            None => variable_of(&key),
        };
        match taken.get(&name) {
            Some(first) if *first == key => {}
            Some(first) => clashes.push(Clash::Both { first: first.clone(), second: key, name }),
            None if !has_keys && !VariableName::is_valid(&name) => clashes.push(Clash::None(key)),
            None => {
                taken.insert(name.clone(), key.clone());
                chosen.push(Chosen { key, name });
            }
        }
    }
    if clashes.is_empty() { Ok(chosen) } else { Err(clashes) }
}

/// `db/main-password` is `DB_MAIN_PASSWORD`. A key that a variable could have for its
/// name is kept as it is, so that a `.env` file comes out under the names it went in by.
fn variable_of(key: &str) -> String {
    if VariableName::is_valid(key) {
        return key.to_owned();
    }
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let first = key.starts_with(|c: char| c.is_ascii_digit()).then_some('_');
    first.into_iter().chain(key.chars().map(letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_becomes_the_variable_that_a_person_would_expect() {
        for (key, name) in [
            ("STRIPE_KEY", "STRIPE_KEY"),
            ("session", "session"),
            ("db/main-password", "DB_MAIN_PASSWORD"),
            ("a.b", "A_B"),
            ("2fa/seed", "_2FA_SEED"),
        ] {
            assert_eq!(variable_of(key), name);
            assert!(VariableName::is_valid(name));
        }
    }

    #[test]
    fn a_key_is_there_once_and_two_keys_never_share_a_name() {
        let wanted = |keys: &[&str]| keys.iter().map(|key| (None, (*key).to_owned())).collect();
        assert_eq!(name_all(wanted(&["a/b", "a/b"]), false).unwrap().len(), 1);
        let clash = Clash::Both { first: "a/b".into(), second: "a.b".into(), name: "A_B".into() };
        assert_eq!(name_all(wanted(&["a/b", "a.b"]), false), Err(vec![clash]));
        assert_eq!(name_all(wanted(&["a/b", "a.b"]), true).unwrap().len(), 2);
        let long = format!("a/{}", "b".repeat(200));
        assert_eq!(name_all(wanted(&[&long]), false), Err(vec![Clash::None(long.clone())]));
    }
}
