//! What is wrong with a file to import, whatever its format.

use std::path::PathBuf;

use super::{DotenvError, JsonError, YamlError};
use crate::say::escaped;

/// A mistake, and the file that has it. The line itself is not shown, as it is of a manifest:
/// what is in it is a secret, and blanked it would still tell how long that is.
#[derive(Debug, thiserror::Error)]
#[error("`{}`, {mistake}", escaped(&file.to_string_lossy()))]
pub struct InvalidFile {
    /// As it was named.
    pub file: PathBuf,
    /// The first mistake in it.
    pub mistake: Mistake,
}

/// A mistake in a file of one of the formats.
#[derive(Debug, thiserror::Error)]
pub enum Mistake {
    /// In a `.env` file.
    #[error(transparent)]
    Dotenv(#[from] DotenvError),
    /// In a JSON file.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// In a YAML file.
    #[error(transparent)]
    Yaml(#[from] YamlError),
}

impl InvalidFile {
    /// Its line and its column.
    #[must_use]
    pub fn place(&self) -> (usize, usize) {
        match &self.mistake {
            Mistake::Dotenv(error) => (error.line, error.column),
            Mistake::Json(error) => (error.line, error.column),
            Mistake::Yaml(error) => (error.line, error.column),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match &self.mistake {
            Mistake::Dotenv(error) => error.problem.hint(),
            Mistake::Json(error) => error.problem.hint(),
            Mistake::Yaml(error) => error.problem.hint(),
        }
    }
}
