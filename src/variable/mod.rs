//! Names of variables: checked at every edge, so that no later code has to ask; patterns of
//! them; and those that nothing here may set.
#![forbid(unsafe_code)]

pub mod pattern;
pub mod refused;
pub mod value;

use std::{fmt, ops::Deref, str::FromStr};

/// A variable's name has 1 to this many bytes.
pub const VARIABLE_MAX_BYTES: usize = 128;

/// A name that no variable can have: not `[A-Za-z_][A-Za-z0-9_]{0,127}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a variable has 1 to {VARIABLE_MAX_BYTES} letters, digits and `_`, and starts with no digit"
)]
pub struct InvalidVariable;

/// A variable's name: `[A-Za-z_][A-Za-z0-9_]{0,127}`.
///
/// Anything else is a weapon: `BASH_FUNC_id%%` defines a function, and a name with `=`
/// sets another variable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariableName(String);

impl VariableName {
    /// Checks `name` and takes it.
    ///
    /// # Errors
    /// [`InvalidVariable`] if it breaks the form.
    pub fn new(name: &str) -> Result<Self, InvalidVariable> {
        if Self::is_valid(name) { Ok(Self(name.to_owned())) } else { Err(InvalidVariable) }
    }

    /// Whether `name` has the form.
    #[must_use]
    pub fn is_valid(name: &str) -> bool {
        (1..=VARIABLE_MAX_BYTES).contains(&name.len())
            && !name.as_bytes()[0].is_ascii_digit()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VariableName {
    type Err = InvalidVariable;

    fn from_str(name: &str) -> Result<Self, InvalidVariable> {
        Self::new(name)
    }
}

impl Deref for VariableName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_never_leaves_its_alphabet() {
        for name in ["A", "_", "a_1", &"A".repeat(128)] {
            assert!(VariableName::new(name).is_ok(), "{name}");
        }
        let long = "A".repeat(129);
        for name in ["", "1A", "A=B", "A-B", "BASH_FUNC_id%%", "A\0", "é", "A B", "A.B", &long] {
            assert_eq!(VariableName::new(name), Err(InvalidVariable), "{name:?}");
        }
    }
}
