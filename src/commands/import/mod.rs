//! `pds import`: values out of files that were never meant to keep any.
//!
//! The parsers take bytes out of secret memory and put each value into secret memory of
//! its own. They are strict: where two tools read a line differently, guessing would
//! store a wrong secret, and it would be found out in production.

pub mod dotenv;
pub mod json;

use crate::secret::{InvalidKey, OutOfSecretMemory, SecureBytes, validate_secret_key};

pub use dotenv::{DotenvError, DotenvProblem};
pub use json::{JsonError, JsonProblem};

/// A file has at most this many values.
pub const IMPORT_MAX_ENTRIES: usize = 10_000;

/// A value that was found.
#[derive(Debug)]
pub struct Imported {
    /// What the file calls it: a variable's name, or names joined by `/`.
    pub name: String,
    /// Exactly what the file says.
    pub value: SecureBytes,
}

/// A name that no key can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` can't be a key: {reason}", key.escape_debug())]
pub struct NotAKey {
    /// What the key would have been.
    pub key: String,
    /// The rule that it breaks.
    pub reason: InvalidKey,
}

impl NotAKey {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some("rename it in the file, or choose another prefix".to_owned())
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
        assert_eq!(
            key_for("STRIPE_KEY", Some("app")).unwrap(),
            "app/STRIPE_KEY"
        );
        assert_eq!(
            key_for("STRIPE_KEY", Some("app/eu/")).unwrap(),
            "app/eu/STRIPE_KEY"
        );
    }

    #[test]
    fn a_prefix_that_makes_no_key_is_refused() {
        for prefix in ["", "/", "a//", "..", "a b"] {
            let refused = key_for("A", Some(prefix)).unwrap_err();
            assert_eq!(
                Err(refused.reason),
                validate_secret_key(&refused.key),
                "{prefix}"
            );
        }
    }
}
