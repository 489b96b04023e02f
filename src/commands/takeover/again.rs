//! A take-over that was broken off at its last question: the manifest is there by then, and
//! what is left to do is to compare, and to ask.

use std::path::Path;

use super::{Entry, Place, Takeover, is_there};
use crate::{
    client::Asker,
    error::Error,
    run::{asked, manifest::Manifest},
    secret::TrustProfileName,
};

/// Asks the last question again where all of the `.env` in `folder` is in the manifest and
/// the vault. False, without a word, where anything is not as a take-over leaves it: many
/// a project has both files for reasons of its own.
///
/// # Errors
/// [`Error`] if the vault can't be asked. Nothing is done.
pub(in crate::commands) fn resume(
    asker: &mut Asker<'_>,
    folder: &Path,
    manifest: &Path,
    profile: &TrustProfileName,
) -> Result<bool, Error> {
    if !asker.passwords().may_ask() || !is_there(folder) {
        return Ok(false);
    }
    let Ok(manifest) = asked::unjudged_manifest(Some(&manifest.to_owned())) else {
        return Ok(false);
    };
    let Ok(mut takeover) = Takeover::read(folder) else { return Ok(false) };
    if manifest.profiles.as_slice() != std::slice::from_ref(profile)
        || !takeover.is_placed_by(&manifest)
        || takeover.differing(asker, profile, &manifest)?.is_some()
    {
        return Ok(false);
    }
    takeover.ask_last()?;
    Ok(true)
}

impl Takeover {
    /// Puts each variable where the manifest has it. False if it has not all of them.
    fn is_placed_by(&mut self, manifest: &Manifest) -> bool {
        let mut entries = self.entries.iter_mut();
        !entries.as_slice().is_empty() && entries.all(|entry| is_placed(entry, manifest))
    }
}

fn is_placed(entry: &mut Entry, manifest: &Manifest) -> bool {
    let mut secrets = manifest.secrets.iter();
    if let Some(secret) = secrets.find(|secret| secret.variable == entry.name) {
        entry.place = Place::Secret;
        entry.key.clone_from(&secret.key);
        return secret.profiles.is_empty();
    }
    if manifest.vars.iter().any(|(name, _)| *name == entry.name) {
        entry.place = Place::Plain;
        return true;
    }
    entry.place == Place::LeftOut
}
