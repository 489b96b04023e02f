//! What is wrong with a manifest.

use std::fmt;

use super::{generate::InvalidGenerate, template::TemplateProblem};
use crate::{
    mistake::{self, text::quoted},
    secret::{InvalidKey, InvalidProfile},
    variable::{
        InvalidVariable, pattern::InvalidPattern, refused::RefusedVariable, value::MAX_ARG_STRLEN,
    },
};

/// One thing that is wrong. None of the texts holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// Not TOML, in the words of its parser, which quotes nothing.
    #[error("{0}")]
    Syntax(String),
    /// A byte order mark.
    #[error("a manifest starts without a byte order mark")]
    ByteOrderMark,
    /// Not UTF-8.
    #[error("a manifest is UTF-8 text")]
    NotUtf8,
    /// More than [`super::MANIFEST_MAX_ENTRIES`].
    #[error("a manifest has at most {} entries", super::MANIFEST_MAX_ENTRIES)]
    TooManyEntries,
    /// No `pds = 1`.
    #[error("`pds = 1` is missing: the version of the manifest's format")]
    NoVersion,
    /// `pds` is something else.
    #[error("this version of `pds` reads manifests of format 1")]
    OtherVersion,
    /// A table of a name that the format doesn't have.
    #[error("there is no table{} in a manifest", quoted(.name))]
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
    /// Not the name of a variable.
    #[error(transparent)]
    Variable(#[from] InvalidVariable),
    /// Not a key.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// A secret without a key.
    #[error("a secret needs a `key`")]
    NoKey,
    /// Not the name of a profile.
    #[error(transparent)]
    Profile(#[from] InvalidProfile),
    /// A list of profiles without one.
    #[error("a list of profiles needs at least one")]
    NoProfile,
    /// A profile twice in one list.
    #[error("`{0}` is listed twice")]
    ProfileTwice(String),
    /// Not a pattern of names.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    /// Not a way to make a value.
    #[error(transparent)]
    Generate(#[from] InvalidGenerate),
    /// Both ways to fill in for an absent value.
    #[error("a secret has `generate` or `default`, not both")]
    GenerateAndDefault,
    /// A variable that two tables set.
    #[error("`{0}` is set twice")]
    SetTwice(String),
    /// A NUL in a value.
    #[error("a variable's value can't hold a NUL")]
    Nul,
    /// bash would define a function of it.
    #[error("no value can start with `() {{`: bash would take it for a function")]
    Function,
    /// The kernel takes no longer string.
    #[error("a variable with its value has at most {MAX_ARG_STRLEN} bytes, with its final NUL")]
    TooLong,
    /// A project name that is empty, too long, or not one line of text.
    #[error("a project's name is one line of 1 to {} bytes", super::PROJECT_MAX_BYTES)]
    Project,
    /// A template that can't be read.
    #[error(transparent)]
    Template(#[from] TemplateProblem),
    /// A template asks for a name that is nowhere in the manifest.
    #[error("`{name}` is not in this manifest")]
    UnknownName {
        /// What was asked for.
        name: String,
        /// The nearest right name.
        nearest: Option<String>,
    },
    /// A variable that may not be set.
    #[error(transparent)]
    Refused(#[from] RefusedVariable),
    /// Templates that need each other.
    #[error("this makes a circle: {}", .0.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" → "))]
    Cycle(Vec<String>),
}

impl mistake::Kind for ProblemKind {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "variable-refused",
            _ => "manifest-invalid",
        }
    }

    fn is_absence(&self) -> bool {
        matches!(self, Self::NoVersion | Self::NoKey | Self::UnknownName { .. })
    }

    fn hint(&self) -> Option<String> {
        let nearest = |name: &dyn fmt::Display| Some(format!("did you mean `{name}`?"));
        match self {
            Self::UnknownTable { nearest: Some(name), .. }
            | Self::UnknownField { nearest: Some(name), .. }
            | Self::UnknownChoice { nearest: Some(name), .. }
            | Self::Template(TemplateProblem::UnknownFilter(Some(name))) => nearest(name),
            Self::UnknownName { nearest: Some(name), .. } => nearest(name),
            Self::Template(TemplateProblem::UnknownFilter(None)) => {
                Some("filters are `urlencode`, `base64`, `json` and `shell`".to_owned())
            }
            Self::Template(TemplateProblem::LoneDollar) => {
                Some("write `$$` for a dollar sign".to_owned())
            }
            Self::Refused(refused) => refused.hint(),
            Self::NoVersion => Some("put `pds = 1` on the first line".to_owned()),
            Self::WrongType { expected: "a string", .. } => Some("put it in quotes".to_owned()),
            Self::UnknownName { nearest: None, .. } => Some(
                "a template takes values from `[vars]`, `[secrets]` and `[compose]`".to_owned(),
            ),
            _ => None,
        }
    }
}

/// A problem before it is located.
pub(super) type Found = mistake::Found<ProblemKind>;
/// One problem, where it is, and the line as it may be shown.
pub type Problem = mistake::Mistake<ProblemKind>;
/// A manifest with problems: all of them, in the order of the text.
pub type Invalid = mistake::Invalid<ProblemKind>;
