//! One variable of a `.env` file, and where it is to go.

use super::guess;
use crate::{
    commands::import::{Imported, key_for},
    run::environment::{BASH_FUNCTION, MAX_ARG_STRLEN},
    secret::SecureBytes,
    variable::{
        VariableName,
        refused::{self, Verdict},
    },
};

/// A longer value is no setting.
const PLAIN_MAX_BYTES: usize = 4_096;
/// A project's name is cut to this, so that each key fits.
const PROJECT_SHOWN_BYTES: usize = 64;

/// Where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Into the vault.
    Secret,
    /// Into the manifest.
    Plain,
    /// Nowhere.
    LeftOut,
}

/// One variable.
pub(super) struct Entry {
    pub(super) name: VariableName,
    pub(super) key: String,
    pub(super) value: SecureBytes,
    pub(super) place: Place,
    /// Why its place can't be changed, if it can't.
    pub(super) fixed: Option<&'static str>,
}

impl Entry {
    /// With a guess. The key is `PROJECT/NAME`, as `import --prefix PROJECT` has it.
    pub(super) fn new(found: Imported, project: &str) -> Option<Self> {
        let name = VariableName::new(&found.name).ok()?;
        let key = key_for(&name, Some(project)).ok()?;
        let (place, fixed) = place(&name, found.value.expose());
        Some(Self { name, key, value: found.value, place, fixed })
    }

    /// From the vault to the manifest, or back.
    ///
    /// # Errors
    /// Why it has to stay.
    pub(super) fn change(&mut self) -> Result<(), &'static str> {
        match self.fixed {
            Some(_) if self.place == Place::LeftOut => return Err("can't be set at all"),
            Some(why) => return Err(why),
            None => {}
        }
        self.place = match self.place {
            Place::Secret => Place::Plain,
            _ => Place::Secret,
        };
        Ok(())
    }
}

fn place(name: &VariableName, value: &[u8]) -> (Place, Option<&'static str>) {
    const NOTHING_LIFTED: &[&str] = &[];
    if let Verdict::Refused(listed) = refused::judge(name, NOTHING_LIFTED) {
        return (Place::LeftOut, Some(listed.reason));
    }
    if value.starts_with(BASH_FUNCTION) {
        return (Place::LeftOut, Some("its value is a shell function"));
    }
    if name.len() + value.len() + 2 > MAX_ARG_STRLEN {
        return (Place::LeftOut, Some("its value is longer than a variable can be"));
    }
    if str::from_utf8(value).is_err() {
        return (Place::Secret, Some("is not UTF-8, which only the vault can hold"));
    }
    if value.len() > PLAIN_MAX_BYTES {
        return (Place::Secret, Some("is too long for a manifest"));
    }
    if guess::looks_secret(name, value) { (Place::Secret, None) } else { (Place::Plain, None) }
}

/// A folder's name as the first segment of keys: other characters become `-`.
pub(super) fn project(folder: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' };
    let name: String = folder.chars().map(plain).take(PROJECT_SHOWN_BYTES).collect();
    if matches!(name.as_str(), "" | "." | "..") { "project".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_folder_is_called_its_keys_are_keys() {
        for (folder, expected) in [
            ("billing-api", "billing-api"),
            ("My App (2)", "My-App--2-"),
            ("naïve", "na-ve"),
            ("", "project"),
            ("..", "project"),
        ] {
            let name = project(folder);
            assert_eq!(name, expected);
            assert!(key_for("A", Some(&name)).is_ok());
        }
        assert!(key_for(&"A".repeat(128), Some(&project(&"x".repeat(300)))).is_ok());
    }

    #[test]
    fn what_a_manifest_cannot_hold_stays_secret_and_what_no_variable_can_is_left_out() {
        let of = |name: &str, value: &[u8]| place(&VariableName::new(name).unwrap(), value).0;
        assert_eq!(of("PORT", b"80"), Place::Plain);
        assert_eq!(of("PORT", b"\xff"), Place::Secret);
        assert_eq!(of("PORT", &[b'x'; PLAIN_MAX_BYTES + 1]), Place::Secret);
        assert_eq!(of("PORT", b"() { :; }"), Place::LeftOut);
        assert_eq!(of("PORT", &[b'x'; MAX_ARG_STRLEN]), Place::LeftOut);
        for name in ["PATH", "LD_PRELOAD", "NODE_OPTIONS"] {
            assert_eq!(of(name, b"x"), Place::LeftOut, "{name}");
        }
    }
}
