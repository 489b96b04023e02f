//! `init` where a `.env` file is: what looks secret goes to the vault, the rest to the
//! manifest, and then the file may go.
//!
//! In an order in which nothing is lost, whenever it is broken off: the questions come
//! before anything is done; then the vault is made, the secrets are stored in one
//! transaction, the manifest is put in its place and approved; everything is read back
//! and compared; and only then, after a last question, the file is removed. What was
//! broken off goes on from the beginning: what is stored already is not stored again, and
//! where the manifest is there, the last question is what is left.

mod again;
mod entry;
mod git;
mod guess;
mod write;

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    CommandError, change,
    import::{InvalidFile, dotenv, read_file},
};
use crate::{
    client::{AskError, Asker, ClientError, PasswordError, Wanted},
    error::Error,
    run::{
        approval::is_yes,
        manifest::{FILE_NAME, MANIFEST_MAX_BYTES, MANIFEST_MAX_ENTRIES, Manifest},
    },
    say::{Told, escaped, note},
    secret::{SecureBuffer, TrustProfileName},
    sys::terminal::{self, PromptError},
    wire::message::{Import, ImportEntry, KeyInProfile, Plaintext, Request, Response},
};
use entry::{Entry, Place};
use write::quoted;

pub(super) use again::resume;
pub(super) use write::write_new;

/// What is taken over.
const ENV_FILE: &str = ".env";
/// A longer `.env` is none.
const ENV_MAX_BYTES: usize = 1 << 20;

/// A `.env` file, and where each of its values is to go.
pub(super) struct Takeover {
    folder: PathBuf,
    project: String,
    /// The file as it was read.
    text: SecureBuffer,
    entries: Vec<Entry>,
}

/// Offers to take the `.env` in `folder` over, if there is one and somebody to ask.
///
/// # Errors
/// [`Error`]: a mistake in the file, or a question that was not answered. Nothing is done.
pub(super) fn offer(folder: &Path, may_ask: bool) -> Result<Option<Takeover>, Error> {
    if folder.join(ENV_FILE).symlink_metadata().is_err() {
        return Ok(None);
    }
    if !may_ask || !is_there(folder) {
        let hint = format!("pds import {ENV_FILE} stores what is in it");
        Told::new(format!("`{ENV_FILE}` is left as it is"), Some(hint)).say();
        return Ok(None);
    }
    let mut takeover = Takeover::read(folder)?;
    if takeover.entries.is_empty() || takeover.entries.len() > MANIFEST_MAX_ENTRIES {
        return Ok(None);
    }
    let agreed = takeover.correct()?;
    Ok(agreed.then_some(takeover))
}

/// Only a file that is one: a link's other end may be somebody else's concern.
fn is_there(folder: &Path) -> bool {
    folder.join(ENV_FILE).symlink_metadata().is_ok_and(|is| is.is_file())
}

fn unanswered(error: PromptError) -> Error {
    AskError::from(PasswordError::from(error)).into()
}

impl Takeover {
    fn read(folder: &Path) -> Result<Self, Error> {
        let file = folder.join(ENV_FILE);
        let text = read_file(Some(&file), ENV_MAX_BYTES)?;
        let found = dotenv::parse(text.as_slice());
        let found = found
            .map_err(|mistake| CommandError::from(InvalidFile { file, mistake: mistake.into() }))?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let project = entry::project(&name);
        let entries = found.into_iter().filter_map(|found| Entry::new(found, &project)).collect();
        Ok(Self { folder: folder.to_owned(), project, text, entries })
    }

    /// Shows where everything is to go until the person says yes or no.
    fn correct(&mut self) -> Result<bool, Error> {
        let mut said = String::new();
        loop {
            let question = format!(
                "{}{said}pds: names to change from one to the other; y takes it over, n leaves it: ",
                self.table()
            );
            let answer = terminal::ask(&question).map_err(unanswered)?;
            said.clear();
            if answer.eq_ignore_ascii_case("n") || answer.eq_ignore_ascii_case("no") {
                return Ok(false);
            }
            if is_yes(&answer) {
                if self.manifest(PROFILE_FOR_SIZE).len() <= MANIFEST_MAX_BYTES {
                    return Ok(true);
                }
                said = format!("pds: {FILE_NAME} can't hold so much; make some of it secret\n");
            }
            let names = answer.split([' ', ',']).filter(|name| !name.is_empty());
            for name in names.filter(|name| !is_yes(name)) {
                let entry = self.entries.iter_mut().find(|entry| entry.name.as_str() == name);
                let why = match entry {
                    Some(entry) => entry.change().err(),
                    None => Some("is not in the file"),
                };
                if let Some(why) = why {
                    said.push_str(&format!("pds: `{}` {why}\n", escaped(name)));
                }
            }
        }
    }

    /// Every variable with its place, without a value.
    fn table(&self) -> String {
        let mut text = format!("pds: `{ENV_FILE}` could go, and its values:\n");
        let width = self.entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
        for place in [Place::Secret, Place::Plain, Place::LeftOut] {
            for entry in self.entries.iter().filter(|entry| entry.place == place) {
                let name = entry.name.as_str();
                text.push_str(&match place {
                    Place::Secret => {
                        format!("  secret    {name:width$}  the vault, as `{}`\n", entry.key)
                    }
                    Place::Plain => {
                        format!("  plain     {name:width$}  {FILE_NAME}, for all to read\n")
                    }
                    Place::LeftOut => {
                        let why = entry.fixed.unwrap_or_default();
                        format!("  left out  {name:width$}  {why}\n")
                    }
                });
            }
        }
        text
    }

    fn at(&self, place: Place) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.place == place)
    }

    /// The manifest that asks for all of it.
    pub(super) fn manifest(&self, profile: &str) -> String {
        let mut text = format!(
            "# What this project needs. It holds no secret: commit it.\n\
             pds = 1\nproject = {}\n\n[run]\nprofile = {}\n\n[vars]\n",
            quoted(&self.project),
            quoted(profile)
        );
        for entry in self.at(Place::Plain) {
            let value = str::from_utf8(entry.value.expose()).unwrap_or_default();
            text.push_str(&format!("{} = {}\n", entry.name, quoted(value)));
        }
        text.push_str("\n[secrets]\n");
        for entry in self.at(Place::Secret) {
            text.push_str(&format!("{} = {}\n", entry.name, quoted(&entry.key)));
        }
        text
    }

    /// Stores the secrets, all or nothing. What is there already with the same value stays.
    pub(super) fn store(
        &self,
        asker: &mut Asker<'_>,
        profile: &TrustProfileName,
    ) -> Result<(), Error> {
        let there = stored(asker, profile)?;
        let (mut new, mut taken) = (Vec::new(), Vec::new());
        for entry in self.at(Place::Secret) {
            if !there.contains(&entry.key) {
                new.push(entry);
            } else if !is_stored(asker, profile, entry)? {
                taken.push(entry.key.clone());
            }
        }
        if !taken.is_empty() {
            return Err(CommandError::OtherValues(taken).into());
        }
        if new.is_empty() {
            return Ok(());
        }
        let entries = new
            .iter()
            .map(|entry| ImportEntry { key: &entry.key, value: Plaintext(entry.value.expose()) })
            .collect();
        let import = Request::Import(Import { profile, entries, overwrite: false });
        change(asker, &import, profile, "")
    }

    /// Reads everything back, compares it with the file, and removes that after a yes.
    pub(super) fn finish(
        &self,
        asker: &mut Asker<'_>,
        profile: &TrustProfileName,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        match self.differing(asker, profile, manifest)? {
            Some(entry) => Err(CommandError::ReadBack(entry.name.to_string()).into()),
            None => self.ask_last(),
        }
    }

    /// A variable whose value is not where it belongs, or another there. The manifest is
    /// looked at first, for which nobody needs a password.
    fn differing(
        &self,
        asker: &mut Asker<'_>,
        profile: &TrustProfileName,
        manifest: &Manifest,
    ) -> Result<Option<&Entry>, Error> {
        let is_plain = |entry: &Entry| {
            let mut vars = manifest.vars.iter();
            vars.any(|(name, value)| *name == entry.name && entry.value.ct_eq(value.as_bytes()))
        };
        if let Some(entry) = self.at(Place::Plain).find(|entry| !is_plain(entry)) {
            return Ok(Some(entry));
        }
        let there = stored(asker, profile)?;
        for entry in self.at(Place::Secret) {
            if !there.contains(&entry.key) || !is_stored(asker, profile, entry)? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Removes the file after a yes, and says what became of it.
    fn ask_last(&self) -> Result<(), Error> {
        if self.is_to_go()? && self.remove()? {
            note(format_args!("`{ENV_FILE}` is gone"));
        } else {
            note(format_args!("`{ENV_FILE}` is still there"));
        }
        if git::tracks(&self.folder, ENV_FILE) {
            let hint = format!("git rm --cached {ENV_FILE}, and replace the secrets");
            let message = format!("git tracks `{ENV_FILE}`: its values stay in the history");
            Told::new(message, Some(hint)).say();
        }
        Ok(())
    }

    /// The last question. No answer is a no.
    fn is_to_go(&self) -> Result<bool, Error> {
        let mut question = String::new();
        for entry in self.at(Place::LeftOut) {
            question
                .push_str(&format!("pds: `{}` was left out, and is nowhere else\n", entry.name));
        }
        question.push_str(&format!(
            "pds: every value was read back and is the same; delete `{ENV_FILE}`? [y/N] "
        ));
        match terminal::ask(&question) {
            Ok(answer) => Ok(is_yes(&answer)),
            Err(PromptError::Cancelled) => Ok(false),
            Err(error) => Err(unanswered(error)),
        }
    }

    /// Removes the file, unless it is not any more what was taken over.
    fn remove(&self) -> Result<bool, Error> {
        let path = self.folder.join(ENV_FILE);
        let now = if is_there(&self.folder) {
            read_file(Some(&path), ENV_MAX_BYTES)?
        } else {
            return Ok(false);
        };
        if !now.into_bytes().ct_eq(self.text.as_slice()) {
            note(format_args!("`{ENV_FILE}` has changed meanwhile"));
            return Ok(false);
        }
        fs::remove_file(&path).map_err(|error| CommandError::File { path, error })?;
        Ok(true)
    }
}

/// A profile's name of the greatest length, for the size of a manifest.
const PROFILE_FOR_SIZE: &str = "0123456789012345678901234567890123456789012345678901234567890123";

/// The keys that the vault has.
fn stored(asker: &mut Asker<'_>, profile: &TrustProfileName) -> Result<Vec<String>, Error> {
    let mut buffer = SecureBuffer::new()?;
    let about = [Wanted { profiles: vec![profile], key: "" }];
    match asker.ask(&Request::List(profile), &about, &mut buffer)? {
        Response::Keys(rows) => Ok(rows.iter().map(|row| row.key.to_owned()).collect()),
        _ => Err(ClientError::Malformed.into()),
    }
}

/// Whether the vault has exactly this value.
fn is_stored(
    asker: &mut Asker<'_>,
    profile: &TrustProfileName,
    entry: &Entry,
) -> Result<bool, Error> {
    let mut buffer = SecureBuffer::new()?;
    let about = [Wanted { profiles: vec![profile], key: &entry.key }];
    let get = Request::Get(KeyInProfile { profile, key: &entry.key });
    match asker.ask(&get, &about, &mut buffer)? {
        Response::Values(values) => match values.as_slice() {
            [Some(value)] => Ok(entry.value.ct_eq(value.0)),
            _ => Ok(false),
        },
        _ => Err(ClientError::Malformed.into()),
    }
}
