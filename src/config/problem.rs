//! What is wrong with a config.

use crate::{
    mistake::{self, text::quoted},
    secret::InvalidProfile,
};

/// One thing that is wrong. None of the texts holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigProblem {
    /// Not TOML, in the words of its parser, which quotes nothing.
    #[error("{0}")]
    Syntax(String),
    /// Not UTF-8.
    #[error("a config is UTF-8 text")]
    NotUtf8,
    /// A table of a name that there isn't.
    #[error("there is no table{} in a config", quoted(.name))]
    UnknownTable {
        /// Its name, if it is fit to be shown.
        name: Option<String>,
        /// The nearest right name.
        nearest: Option<&'static str>,
    },
    /// A field of a name that its table doesn't have.
    #[error("there is no field{} {place}", quoted(.name))]
    UnknownField {
        /// Its name, if it is fit to be shown.
        name: Option<String>,
        /// Where it is not.
        place: &'static str,
        /// The nearest right name.
        nearest: Option<&'static str>,
    },
    /// A field that has to be there.
    #[error("a rate needs `{0}`")]
    Missing(&'static str),
    /// A value of another type.
    #[error("{expected} is expected here, this is {found}")]
    WrongType {
        /// With its article.
        expected: &'static str,
        /// With its article.
        found: &'static str,
    },
    /// A string that is none of those that may stand here.
    #[error("{expected} is expected here")]
    UnknownChoice {
        /// What may stand here.
        expected: &'static str,
        /// The nearest right one.
        nearest: Option<&'static str>,
    },
    /// A number out of its range.
    #[error("a number from 0 to {} is expected here", u32::MAX)]
    Number,
    /// Not a duration.
    #[error("{0}")]
    Duration(&'static str),
    /// A variable that no config lifts.
    #[error("no config lifts{}: {reason}", quoted(.name))]
    NeverLifted {
        /// Its name, if it is fit to be shown.
        name: Option<String>,
        /// What could be done through it.
        reason: &'static str,
    },
    /// Not the name of a profile.
    #[error(transparent)]
    Profile(#[from] InvalidProfile),
}

impl mistake::Kind for ConfigProblem {
    fn code(&self) -> &'static str {
        "config-invalid"
    }

    fn is_absence(&self) -> bool {
        matches!(self, Self::Missing(_))
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownTable { nearest: Some(name), .. }
            | Self::UnknownField { nearest: Some(name), .. }
            | Self::UnknownChoice { nearest: Some(name), .. } => {
                Some(format!("did you mean `{name}`?"))
            }
            _ => None,
        }
    }
}
