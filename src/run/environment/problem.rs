//! Why there is no environment.

use super::{COMPOSED_MAX_BYTES, MAX_ARG_STRLEN};
use crate::{say::Told, secret::OutOfSecretMemory, variable::VariableName};

/// Why there is no environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentProblem {
    /// The kernel's strings end at a NUL.
    #[error("the value of `{0}` holds a NUL and can't be a variable's")]
    Nul(VariableName),
    /// bash would define a function of it.
    #[error("the value of `{0}` starts with `() {{`, which bash would take for a function")]
    Function(VariableName),
    /// The kernel takes no longer string.
    #[error("`{0}` with its value is longer than the kernel's limit of {MAX_ARG_STRLEN} bytes")]
    TooLong(VariableName),
    /// A template would make a longer one.
    #[error(
        "`{0}` made by `[compose]` is longer than the kernel's limit of {MAX_ARG_STRLEN} bytes"
    )]
    ComposedTooLong(VariableName),
    /// The templates up to this one make more than any environment holds.
    #[error(
        "the values of `[compose]`, up to `{0}`, are longer together than the limit of {COMPOSED_MAX_BYTES} bytes"
    )]
    ComposedTooLarge(VariableName),
    /// `conflict = "error"`, and it is set.
    #[error("`{0}` is already set")]
    AlreadySet(VariableName),
    /// Two secrets for one variable.
    #[error("two keys are asked for `{0}`")]
    SetTwice(VariableName),
    /// The filter `json` met a value that isn't text.
    #[error("`{value}` is not UTF-8, so `{composed}` can't take it through `json`")]
    NotText {
        /// The template's variable.
        composed: VariableName,
        /// The value that it asks for.
        value: VariableName,
    },
    /// Secret memory ran out.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
}

impl EnvironmentProblem {
    /// The stable word for it in `--json`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Nul(_) | Self::Function(_) | Self::NotText { .. } => "value-unfit",
            Self::TooLong(_) | Self::ComposedTooLong(_) | Self::ComposedTooLarge(_) => "too-large",
            Self::AlreadySet(_) => "variable-already-set",
            Self::SetTwice(_) => "variable-set-twice",
            Self::OutOfSecretMemory(_) => "out-of-secret-memory",
        }
    }

    /// All that there is to say about it.
    #[must_use]
    pub fn told(&self) -> Told {
        let told = Told::new(self, self.hint());
        let pipe = "`pds get KEY` on a pipe";
        let (name, state, remedy) = match self {
            Self::Nul(name) => (name, "holds a NUL".to_owned(), pipe),
            Self::Function(name) => (name, "would be a function of bash's".to_owned(), ""),
            Self::TooLong(name) => (name, "longer than the kernel takes".to_owned(), pipe),
            Self::ComposedTooLong(name) => {
                (name, "longer than the kernel takes".to_owned(), "make it of less")
            }
            Self::ComposedTooLarge(name) => {
                (name, "`[compose]` is too large with it".to_owned(), "make less by `[compose]`")
            }
            Self::AlreadySet(name) => (name, "already set".to_owned(), "unset it, or `conflict`"),
            Self::SetTwice(name) => (name, "two keys for it".to_owned(), "give it one key"),
            Self::NotText { composed, value } => {
                (composed, format!("`{value}` in it is not UTF-8"), "`base64` takes any bytes")
            }
            Self::OutOfSecretMemory(_) => return told,
        };
        let cells = [format!("`{name}`"), state, remedy.to_owned()];
        told.in_table("variables can't be had", cells)
    }

    /// What to do about it.
    fn hint(&self) -> Option<String> {
        match self {
            Self::Nul(name) | Self::TooLong(name) => {
                Some(format!("hand `{name}` over in another way, such as `pds get KEY` on a pipe"))
            }
            Self::ComposedTooLong(name) => {
                Some(format!("make `{name}` of fewer or shorter values"))
            }
            Self::ComposedTooLarge(_) => {
                Some("make fewer or shorter values by `[compose]`".to_owned())
            }
            Self::AlreadySet(name) => Some(format!(
                "unset `{name}`, or choose with `conflict = \"secret\"` or `\"environment\"`"
            )),
            Self::SetTwice(name) => Some(format!("give `{name}` one key")),
            Self::NotText { .. } => Some("`base64` takes any bytes".to_owned()),
            Self::Function(_) | Self::OutOfSecretMemory(_) => None,
        }
    }
}
