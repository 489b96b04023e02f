//! One string of an environment.

use super::{BASH_FUNCTION, EnvironmentProblem, MAX_ARG_STRLEN, SecretValue};
use crate::variable::VariableName;

/// One string of the environment.
#[derive(Debug)]
pub enum Entry<'a> {
    /// As it was inherited: `NAME=VALUE`, or whatever odd thing it is.
    Inherited(&'a [u8]),
    /// A plain value.
    Plain {
        /// The variable.
        name: &'a VariableName,
        /// Its value.
        value: &'a str,
    },
    /// A secret value, or one made of secrets.
    Secret {
        /// The variable.
        name: &'a VariableName,
        /// Its value.
        value: SecretValue<'a>,
    },
}

impl<'a> Entry<'a> {
    /// The variable, if it is set here.
    #[must_use]
    pub fn variable(&self) -> Option<&'a VariableName> {
        match self {
            Self::Inherited(_) => None,
            Self::Plain { name, .. } | Self::Secret { name, .. } => Some(name),
        }
    }

    /// What is before the first `=`; all of it if there is none.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        match self {
            Self::Inherited(text) => name_of(text).unwrap_or(text),
            Self::Plain { name, .. } | Self::Secret { name, .. } => name.as_bytes(),
        }
    }

    /// How many bytes it has with its final NUL.
    #[allow(clippy::len_without_is_empty, reason = "the NUL is always there")]
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Inherited(text) => text.len() + 1,
            Self::Plain { name, value } => name.len() + value.len() + 2,
            Self::Secret { name, value } => name.len() + value.expose().len() + 2,
        }
    }

    fn value(&self) -> &[u8] {
        match self {
            Self::Inherited(_) => &[],
            Self::Plain { value, .. } => value.as_bytes(),
            Self::Secret { value, .. } => value.expose(),
        }
    }

    /// What the string is made of, in order and without its final NUL. Parts may be empty.
    #[must_use]
    pub fn parts(&self) -> [&[u8]; 3] {
        match self {
            Self::Inherited(text) => [text, b"", b""],
            Self::Plain { name, .. } | Self::Secret { name, .. } => {
                [name.as_bytes(), b"=", self.value()]
            }
        }
    }

    /// Writes all of it; `to` has [`Entry::len`] bytes.
    pub(super) fn write_into(&self, to: &mut [u8]) {
        let mut at = 0;
        for part in self.parts().into_iter().chain([b"\0".as_slice()]) {
            to[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
    }

    /// What keeps it from being set. Only what is set here has any: what was inherited passes.
    pub(super) fn problem(&self) -> Option<EnvironmentProblem> {
        let name = self.variable()?;
        if self.value().contains(&0) {
            return Some(EnvironmentProblem::Nul(name.clone()));
        }
        if self.value().starts_with(BASH_FUNCTION) {
            return Some(EnvironmentProblem::Function(name.clone()));
        }
        (self.len() > MAX_ARG_STRLEN).then(|| EnvironmentProblem::TooLong(name.clone()))
    }
}

/// What is before the first `=`, if that is anything.
pub(super) fn name_of(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|&b| b == b'=')?;
    (end > 0).then(|| &text[..end])
}
