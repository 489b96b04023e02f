//! What is kept of an enrolled client: `clients/NAME.toml`.
//!
//! ```toml
//! key = "0123…cdef"
//! uid = 1000
//! revoked = false
//!
//! [grants.work]
//! get = ["db/*"]
//! ```

use std::{fs, io, path::Path};

use serde::Deserialize;

use super::gate::{Enrolled, OPERATIONS, globs_of};
use crate::{
    config::{Grants, ProfileKey},
    hex,
    secret::{KEY_MAX_BYTES, TrustProfileName},
    wire::{identity::PublicStaticKey, message::GrantRow},
};

/// A client's file has at most this many bytes: more than its grants can take.
const ENROLMENT_MAX_BYTES: u64 = 131_072;
/// Grants of one client.
const GRANTS_MAX: usize = 256;

/// A client's public key, its user, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Enrolment {
    pub(super) key: PublicStaticKey,
    pub(super) uid: u32,
    pub(super) revoked: bool,
    pub(super) grants: Enrolled,
}

/// The file, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    key: String,
    uid: u32,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    grants: Enrolled,
}

impl Enrolment {
    /// Reads a client's file.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.len() > ENROLMENT_MAX_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Self::parse(&fs::read_to_string(path)?).map_err(io::Error::other)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        // Whoever copies a key by hand may write it with capitals.
        let key = hex::decode(&written.key.to_ascii_lowercase());
        let key = key.and_then(|key| key.try_into().ok()).ok_or("`key` is not one")?;
        Ok(Self { key, uid: written.uid, revoked: written.revoked, grants: written.grants })
    }

    /// The file's text. Names and globs hold nothing that TOML would want escaped.
    pub(super) fn to_text(&self) -> String {
        let key = hex::encode(&self.key);
        let mut text = format!("key = \"{key}\"\nuid = {}\nrevoked = {}\n", self.uid, self.revoked);
        for (profile, grants) in &self.grants {
            text.push_str(&format!("\n[grants.{}]\n", profile.0));
            for operation in OPERATIONS {
                let globs = globs_of(grants, operation);
                if !globs.is_empty() {
                    let globs: Vec<_> = globs.iter().map(|glob| format!("\"{glob}\"")).collect();
                    text.push_str(&format!("{} = [{}]\n", operation.word(), globs.join(", ")));
                }
            }
        }
        text
    }
}

/// The grants that rows ask for; `None` if one of them can't be a grant.
pub(super) fn grants(rows: &[GrantRow<'_>]) -> Option<Enrolled> {
    if rows.len() > GRANTS_MAX {
        return None;
    }
    let mut all = Enrolled::new();
    for row in rows {
        let profile = TrustProfileName::new(row.profile).ok()?;
        if !is_glob(row.keys) {
            return None;
        }
        let grants: &mut Grants = all.entry(ProfileKey(profile)).or_default();
        grants.of(row.operation)?.push(row.keys.to_owned());
    }
    Some(all)
}

/// Whether a text has only what keys and globs over them have.
fn is_glob(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/*?".contains(&byte);
    (1..=KEY_MAX_BYTES).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::identity::KEY_BYTES;

    fn row<'r>(profile: &'r str, operation: &'r str, keys: &'r str) -> GrantRow<'r> {
        GrantRow { profile, operation, keys }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let rows = [
            row("work", "get", "db/*"),
            row("work", "get", "a?/**"),
            row("work", "unlock", "**"),
            row("ops-2", "set", "x"),
        ];
        let grants = grants(&rows).unwrap();
        let one = Enrolment { key: [0xA7; KEY_BYTES], uid: 65_534, revoked: true, grants };
        assert_eq!(Enrolment::parse(&one.to_text()).unwrap(), one);
    }

    #[test]
    fn what_no_grant_can_be_is_refused() {
        for row in [
            row("", "get", "x"),
            row("a/b", "get", "x"),
            row("work", "status", "x"),
            row("work", "", "x"),
            row("work", "get", ""),
            row("work", "get", "a\"]"),
            row("work", "get", "a\n"),
            row("work", "get", "é"),
        ] {
            assert!(grants(&[row]).is_none(), "{row:?}");
        }
        assert!(grants(&vec![row("work", "get", "x"); GRANTS_MAX + 1]).is_none());
    }

    #[test]
    fn a_file_with_anything_else_in_it_enrols_nobody() {
        let key = "ab".repeat(KEY_BYTES);
        assert!(Enrolment::parse(&format!("key = \"{key}\"\nuid = 1\n")).is_ok());
        for text in [
            format!("key = \"{key}\"\n"),
            format!("key = \"{key}a\"\nuid = 1\n"),
            format!("key = \"{}\"\nuid = 1\n", "+b".repeat(KEY_BYTES)),
            format!("key = \"{key}\"\nuid = -1\n"),
            format!("key = \"{key}\"\nuid = 1\nadmin = true\n"),
            format!("key = \"{key}\"\nuid = 1\n[grants.work]\nall = [\"**\"]\n"),
        ] {
            assert!(Enrolment::parse(&text).is_err(), "{text}");
        }
    }
}
