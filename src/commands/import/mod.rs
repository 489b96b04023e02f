//! `pds import`: values out of files that were never meant to keep any, out of a store of
//! pass(1), and out of the environment.
//!
//! The parsers take bytes out of secret memory and put each value into secret memory of
//! its own. They are strict: where two tools read a line differently, guessing would
//! store a wrong secret, and it would be found out in production.

pub mod dotenv;
pub mod json;
mod mistake;
mod pass;
mod variables;
pub mod yaml;

use std::{collections::BTreeSet, path::Path};

use super::{CommandError, named, passwords_of, print, profile_of, progress::Progress, read_value};
use crate::{
    cli,
    client::{Asker, ClientError, Wanted},
    error::Error,
    home::Home,
    run::approval,
    say::{self, Told, escaped, note},
    secret::{InvalidKey, SecureBuffer, SecureBytes, TrustProfileName, validate_secret_key},
    sys::terminal,
    wire::{
        BATCH_MAX_ENTRIES, MESSAGE_MAX_BYTES,
        message::{self, ImportEntry, ImportPart, Plaintext, Request, Response},
    },
};

pub use dotenv::{DotenvError, DotenvProblem};
pub use json::{JsonError, JsonProblem};
pub use mistake::{InvalidFile, Mistake};
pub use pass::PassError;
pub use yaml::{YamlError, YamlProblem};

/// A file has at most this many values.
pub const IMPORT_MAX_ENTRIES: usize = 200_000;

/// A value that was found.
#[derive(Debug)]
pub struct Imported {
    /// What the file calls it: a variable's name, or names joined by `/`.
    pub name: String,
    /// Exactly what the file says.
    pub value: SecureBytes,
}

/// A file to import has at most this many bytes.
const IMPORT_MAX_BYTES: usize = 64 << 20;

/// What the names and values of one message may have together: room is left for
/// what CBOR puts around them.
const PART_MAX_BYTES: usize = MESSAGE_MAX_BYTES / 2;

/// Stores what a file holds, all or nothing.
///
/// # Errors
/// [`Error`]: a mistake in the file, keys that exist, or the daemon's refusal.
pub(super) fn import(options: &cli::Import, home: &Home) -> Result<(), Error> {
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let found = parse(options)?;
    let keys = keys(&found, options.prefix.as_deref())?;
    let mut asker = Asker::new(home, &passwords);
    let there = existing(&mut asker, &profile)?;
    let replaced: Vec<String> = keys.iter().filter(|key| there.contains(*key)).cloned().collect();
    if options.dry_run {
        let line = |key: &String| match there.contains(key) {
            true => format!("{} (replaces what is there)\n", escaped(key)),
            false => format!("{}\n", escaped(key)),
        };
        return Ok(print(keys.iter().map(line).collect::<String>().as_bytes())?);
    }
    let overwrite = options.overwrite || (!replaced.is_empty() && may_replace(&asker, &replaced));
    if !replaced.is_empty() && !overwrite {
        return Err(CommandError::WouldOverwrite(replaced).into());
    }
    store(&mut asker, &profile, &keys, &found, overwrite)?;
    note(format_args!("stored {} in profile `{profile}`", count(keys.len())));
    if !replaced.is_empty() {
        note(format_args!("of these, {} replaced what was there", count(replaced.len())));
    }
    Ok(())
}

/// Whether the person says yes to each of the keys; no without a terminal.
fn may_replace(asker: &Asker<'_>, replaced: &[String]) -> bool {
    if !asker.passwords().may_ask() {
        return false;
    }
    let mut question: String =
        replaced.iter().map(|key| format!("pds: `{}` exists already\n", escaped(key))).collect();
    question.push_str(&format!("pds: replace {}? [y/N] ", count(replaced.len())));
    terminal::ask(&question).is_ok_and(|answer| approval::is_yes(&answer))
}

pub(super) fn count(secrets: impl TryInto<u64>) -> String {
    say::count(secrets, "secret")
}

fn parse(options: &cli::Import) -> Result<Vec<Imported>, CommandError> {
    if !options.from_env.is_empty() {
        return variables::read(&options.from_env);
    }
    if options.from.is_some() {
        return pass::read(options.file.as_deref(), options.first_line);
    }
    let file = options.file.as_deref().unwrap_or(Path::new("-"));
    let path = Some(file).filter(|path| *path != Path::new("-"));
    let format = match &options.format {
        Some(format) => format.as_str(),
        None => format_of(file)?,
    };
    let text = read_file(path, IMPORT_MAX_BYTES)?;
    let text = text.as_slice();
    let found = match format {
        "json" => json::parse(text).map_err(Mistake::from),
        "yaml" => yaml::parse(text).map_err(Mistake::from),
        _ => dotenv::parse(text).map_err(Mistake::from),
    };
    found.map_err(|mistake| InvalidFile { file: named(path), mistake }.into())
}

/// All of a file that holds values, or of standard input.
pub(super) fn read_file(
    path: Option<&Path>,
    max_bytes: usize,
) -> Result<SecureBuffer, CommandError> {
    read_value(path, max_bytes).map_err(|error| match error {
        CommandError::ValueTooLong => CommandError::FileTooLong { path: named(path), max_bytes },
        other => other,
    })
}

/// What a file's name says that it is.
fn format_of(path: &Path) -> Result<&'static str, CommandError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with(".json") {
        Ok("json")
    } else if name.ends_with(".yaml") || name.ends_with(".yml") {
        Ok("yaml")
    } else if name.starts_with(".env") || name.ends_with(".env") {
        Ok("env")
    } else {
        Err(CommandError::UnknownFormat(escaped(&path.to_string_lossy()).to_string()))
    }
}

fn keys(found: &[Imported], prefix: Option<&str>) -> Result<Vec<String>, CommandError> {
    let (mut keys, mut problems) = (Vec::new(), Vec::new());
    for imported in found {
        match key_for(&imported.name, prefix) {
            Ok(key) => keys.push(key),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(keys) } else { Err(CommandError::NotKeys(problems)) }
}

fn existing(asker: &mut Asker<'_>, profile: &TrustProfileName) -> Result<BTreeSet<String>, Error> {
    let about = [Wanted { profiles: vec![profile], key: "" }];
    let mut buffer = SecureBuffer::new()?;
    match asker.ask(&Request::List(profile), &about, &mut buffer)? {
        Response::Keys(rows) => Ok(rows.iter().map(|row| row.key.to_owned()).collect()),
        _ => Err(ClientError::Malformed.into()),
    }
}

fn store(
    asker: &mut Asker<'_>,
    profile: &TrustProfileName,
    keys: &[String],
    found: &[Imported],
    overwrite: bool,
) -> Result<(), Error> {
    let parts = parts(keys, found);
    let mut progress = Progress::new(keys.len() as u64);
    let mut before = 0;
    for part in &parts {
        let end = before + part;
        let import = message::Import {
            profile,
            entries: keys[before..end].iter().zip(&found[before..end]).map(entry).collect(),
            overwrite,
        };
        let request = match parts.len() {
            // One message is all of it, which a daemon of the first release takes as well.
            1 => Request::Import(import),
            _ => Request::ImportPart(ImportPart {
                import,
                before: u32::try_from(before).unwrap_or(u32::MAX),
                last: end == keys.len(),
            }),
        };
        super::change(asker, &request, profile, "")?;
        before = end;
        progress.reach(before as u64);
    }
    Ok(())
}

fn entry<'e>((key, imported): (&'e String, &'e Imported)) -> ImportEntry<'e> {
    ImportEntry { key, value: Plaintext(imported.value.expose()) }
}

/// How many entries go into each message.
fn parts(keys: &[String], found: &[Imported]) -> Vec<usize> {
    let (mut parts, mut entries, mut bytes) = (Vec::new(), 0, 0);
    for (key, imported) in keys.iter().zip(found) {
        let more = key.len() + imported.value.len();
        if entries == BATCH_MAX_ENTRIES || (entries > 0 && bytes + more > PART_MAX_BYTES) {
            parts.push(entries);
            (entries, bytes) = (0, 0);
        }
        (entries, bytes) = (entries + 1, bytes + more);
    }
    parts.extend((entries > 0).then_some(entries));
    parts
}

/// A name that no key can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` can't be a key: {reason}", escaped(key))]
pub struct NotAKey {
    /// What the key would have been.
    pub key: String,
    /// The rule that it breaks.
    pub reason: InvalidKey,
}

impl NotAKey {
    /// All that there is to say about it.
    #[must_use]
    pub fn told(&self) -> Told {
        let hint = "rename it where it comes from, or choose another prefix".to_owned();
        let name = format!("`{}`", escaped(&self.key));
        let cells = [name, self.reason.to_string(), String::new()];
        Told::new(self, Some(hint)).in_table("names can't be keys", cells)
    }
}

/// The key that `name` is stored under: the name itself, or `PREFIX/NAME`. The prefix may
/// end with a `/`.
///
/// # Errors
/// [`NotAKey`] if that breaks a rule for keys.
pub fn key_for(name: &str, prefix: Option<&str>) -> Result<String, NotAKey> {
    let key = match prefix {
        Some(prefix) => format!("{}/{name}", prefix.strip_suffix('/').unwrap_or(prefix)),
        None => name.to_owned(),
    };
    match validate_secret_key(&key) {
        Ok(()) => Ok(key),
        Err(reason) => Err(NotAKey { key, reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_name_behind_the_prefix() {
        assert_eq!(key_for("STRIPE_KEY", None).unwrap(), "STRIPE_KEY");
        assert_eq!(key_for("STRIPE_KEY", Some("app")).unwrap(), "app/STRIPE_KEY");
        assert_eq!(key_for("STRIPE_KEY", Some("app/eu/")).unwrap(), "app/eu/STRIPE_KEY");
    }

    #[test]
    fn parts_hold_all_of_it_and_no_more_than_a_message_does() {
        let sizes = [0, 1, PART_MAX_BYTES, 5, PART_MAX_BYTES / 2, PART_MAX_BYTES / 2, 1, 1];
        let named =
            |len| Imported { name: String::new(), value: SecureBytes::zeroed(len).unwrap() };
        let found: Vec<Imported> = sizes.into_iter().map(named).collect();
        let keys = vec!["k".to_owned(); found.len()];
        assert_eq!(parts(&keys, &found), [2, 1, 2, 3]);
        assert_eq!(parts(&[], &[]), Vec::<usize>::new());
        let found: Vec<Imported> = (0..BATCH_MAX_ENTRIES + 1).map(|_| named(0)).collect();
        let keys = vec!["k".to_owned(); found.len()];
        assert_eq!(parts(&keys, &found), [BATCH_MAX_ENTRIES, 1]);
    }

    #[test]
    fn a_prefix_that_makes_no_key_is_refused() {
        for prefix in ["", "/", "a//", "..", "a b"] {
            let refused = key_for("A", Some(prefix)).unwrap_err();
            assert_eq!(Err(refused.reason), validate_secret_key(&refused.key), "{prefix}");
        }
    }
}
