//! Names of profiles and keys: validated at every edge, so that no later code has to ask.

use std::{fmt, ops::Deref, str::FromStr};

/// A key has 1 to this many bytes.
pub const KEY_MAX_BYTES: usize = 255;
/// A profile name has 1 to this many bytes.
pub const PROFILE_MAX_BYTES: usize = 64;
/// A client's name has 1 to this many bytes.
pub const CLIENT_NAME_MAX_BYTES: usize = 32;

/// The registered name of the CLI itself, which no client can have.
pub const LAUNCHER: &str = "launcher";

/// Whether `name` can be an enrolled client's: `[A-Za-z0-9_-]{1,32}`, and not the
/// launcher's. It names two files, and is on the audit trail.
#[must_use]
pub fn validate_client_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=CLIENT_NAME_MAX_BYTES).contains(&name.len())
        && name.bytes().all(fits)
        && !name.starts_with('-')
        && name != LAUNCHER
}

/// A name that can't be a key, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// No bytes at all.
    #[error("a key can't be empty")]
    Empty,
    /// More than [`KEY_MAX_BYTES`].
    #[error("a key has at most {KEY_MAX_BYTES} bytes")]
    TooLong,
    /// Two slashes together, or one at an end.
    #[error("a key has no empty segment: no leading, trailing or double `/`")]
    EmptySegment,
    /// `.` or `..`, which a later exporter could take for a path.
    #[error("a key's segment can't be `.` or `..`")]
    DotSegment,
    /// Anything but `[A-Za-z0-9_.-]` in a segment.
    #[error("a key has only letters, digits, `_`, `.`, `-` and `/`")]
    Character,
}

/// A name that can't be a profile's, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProfile {
    /// No bytes, or more than [`PROFILE_MAX_BYTES`].
    #[error("a profile name has 1 to {PROFILE_MAX_BYTES} characters")]
    Length,
    /// Anything but `[A-Za-z0-9_-]`.
    #[error("a profile name has only letters, digits, `_` and `-`")]
    Character,
}

/// Whether `key` can name a secret: 1 to 255 bytes, segments of `[A-Za-z0-9_.-]`
/// joined by `/`, none empty, `.` or `..`.
///
/// # Errors
/// The first rule that `key` breaks.
pub fn validate_secret_key(key: &str) -> Result<(), InvalidKey> {
    if key.is_empty() {
        return Err(InvalidKey::Empty);
    }
    if key.len() > KEY_MAX_BYTES {
        return Err(InvalidKey::TooLong);
    }
    key.split('/').try_for_each(validate_segment)
}

fn validate_segment(segment: &str) -> Result<(), InvalidKey> {
    match segment {
        "" => Err(InvalidKey::EmptySegment),
        "." | ".." => Err(InvalidKey::DotSegment),
        _ if segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) => Ok(()),
        _ => Err(InvalidKey::Character),
    }
}

/// The profile id: `[A-Za-z0-9_-]{1,64}`.
///
/// It becomes part of BLAKE3 derivation contexts and of a path. Both stay
/// injective only while no other character can get in, so this type has no
/// constructor that does not check.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrustProfileName(String);

impl TrustProfileName {
    /// Checks `name` and takes it.
    ///
    /// # Errors
    /// [`InvalidProfile`] if it breaks the form.
    pub fn new(name: &str) -> Result<Self, InvalidProfile> {
        if name.is_empty() || name.len() > PROFILE_MAX_BYTES {
            return Err(InvalidProfile::Length);
        }
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            return Err(InvalidProfile::Character);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrustProfileName {
    type Err = InvalidProfile;

    fn from_str(name: &str) -> Result<Self, InvalidProfile> {
        Self::new(name)
    }
}

impl Deref for TrustProfileName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrustProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_documented_form_pass() {
        for key in ["a", "stripe/api-key", "db/main/password.v2", "A_b-1.x", &"k".repeat(255)] {
            assert_eq!(validate_secret_key(key), Ok(()), "{key}");
        }
    }

    #[test]
    fn every_other_key_is_refused_by_its_rule() {
        let too_long = "k".repeat(256);
        for (key, why) in [
            ("", InvalidKey::Empty),
            (too_long.as_str(), InvalidKey::TooLong),
            ("/a", InvalidKey::EmptySegment),
            ("a/", InvalidKey::EmptySegment),
            ("a//b", InvalidKey::EmptySegment),
            (".", InvalidKey::DotSegment),
            ("a/../b", InvalidKey::DotSegment),
            ("a b", InvalidKey::Character),
            ("a\0b", InvalidKey::Character),
            ("a\nb", InvalidKey::Character),
            ("ключ", InvalidKey::Character),
            ("a\\b", InvalidKey::Character),
        ] {
            assert_eq!(validate_secret_key(key), Err(why), "{key:?}");
        }
    }

    #[test]
    fn a_profile_name_never_leaves_its_alphabet() {
        assert!(TrustProfileName::new("work_2-A").is_ok());
        let long = "p".repeat(65);
        for name in ["", long.as_str(), "a/b", ".", "..", "a b", "a\0", "a:b", "é", "a\n"] {
            assert!(TrustProfileName::new(name).is_err(), "{name:?}");
        }
    }
}
