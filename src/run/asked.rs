//! What a person asks for: a manifest, and `-e` on the command line. Everything that is wrong
//! with either is told at once, and before anybody else is asked.

use std::{
    cell::OnceCell,
    collections::HashSet,
    env, fs, io,
    path::{Path, PathBuf},
};

use super::{
    RunError,
    assignment::Assignment,
    environment::EnvironmentProblem,
    manifest::{Invalid, Lifted, Manifest, ManifestError, ProblemKind, UNJUDGED},
};
use crate::{
    config::{Config, ConfigError},
    home::Home,
    sys::process::effective_uid,
    variable::refused::{RefusedVariable, refusals},
};

/// A manifest as far as it can be read, what `-e` adds to it, and everything that is wrong.
#[derive(Debug)]
pub struct Asked<'h> {
    /// The manifest, if it can be understood. Of what is wrong it may have variables that may
    /// not be set.
    pub manifest: Option<Manifest>,
    /// What `-e` asks for.
    pub assignments: Vec<Assignment>,
    /// What is wrong: first with the manifest, then with the config that it needs, then with
    /// `-e`.
    pub wrong: Vec<RunError>,
    home: &'h Home,
    /// The folder whose lifted variables count.
    folder: Option<PathBuf>,
    /// The variables that the manifest is told of not to set.
    refused: HashSet<String>,
}

impl<'h> Asked<'h> {
    /// Reads the manifest that `file` or the current folder names.
    #[must_use]
    pub fn new(file: Option<&PathBuf>, home: &'h Home) -> Self {
        let broken = OnceCell::new();
        let read =
            read(file, &|folder| lifted(folder, home).map_err(|error| broken.set(error)).ok());
        let mut asked = Self {
            manifest: None,
            assignments: Vec::new(),
            wrong: Vec::new(),
            home,
            folder: None,
            refused: HashSet::new(),
        };
        match read {
            Ok(mut manifest) => {
                asked.folder = Some(manifest.directory.clone());
                if let Some(refused) = manifest.refused.take() {
                    asked.invalid(*refused);
                }
                asked.manifest = Some(manifest);
            }
            Err(RunError::Manifest(ManifestError::Invalid(invalid))) => {
                asked.folder = invalid.path.parent().map(Path::to_owned);
                asked.invalid(invalid);
            }
            Err(error) => asked.wrong.push(error),
        }
        asked.wrong.extend(broken.into_inner().map(|error| asked.config(error)));
        asked
    }

    fn invalid(&mut self, invalid: Invalid) {
        let refused = invalid.mistakes.iter().filter_map(|mistake| match &mistake.kind {
            ProblemKind::Refused(refused) => Some(refused.name.to_string()),
            _ => None,
        });
        self.refused.extend(refused);
        self.wrong.push(RunError::Manifest(ManifestError::Invalid(invalid)));
    }

    fn config(&self, error: ConfigError) -> RunError {
        RunError::Config { path: self.home.config_file(), error }
    }

    /// With what `-e` says; then there need be no manifest.
    #[must_use]
    pub fn with(mut self, assignments: &[String]) -> Self {
        self.wrong.retain_mut(|error| match error {
            RunError::Manifest(ManifestError::NotFound) if assignments.is_empty() => {
                *error = RunError::NothingToRunWith;
                true
            }
            RunError::Manifest(ManifestError::NotFound) => false,
            // A folder that was removed has no manifest, and nothing above it.
            RunError::NoCurrentFolder(error) => {
                assignments.is_empty() || error.kind() != io::ErrorKind::NotFound
            }
            _ => true,
        });
        let mut set_twice = Vec::new();
        for (n, text) in assignments.iter().enumerate() {
            match Assignment::read(text, n + 1, assignments.len()) {
                Err(error) => self.wrong.push(error.into()),
                Ok(one) if self.assignments.iter().any(|is| is.variable == one.variable) => {
                    let problem = EnvironmentProblem::SetTwice(one.variable);
                    if !set_twice.contains(&problem) {
                        set_twice.push(problem);
                    }
                }
                Ok(one) => self.assignments.push(one),
            }
        }
        if !set_twice.is_empty() {
            self.wrong.push(RunError::Environment(set_twice));
        }
        let refused = self.refused();
        self.wrong.extend(refused);
        self
    }

    /// What `-e` sets and may not, unless the manifest does so as well.
    fn refused(&mut self) -> Option<RunError> {
        let told = |one: &RefusedVariable| self.refused.contains(one.name.as_str());
        let of = |lifted: &[String]| {
            let names = self.assignments.iter().map(|one| &one.variable);
            refusals(names, lifted).into_iter().filter(|one| !told(one)).collect::<Vec<_>>()
        };
        if of(&[]).is_empty() {
            return None;
        }
        let is_broken = |error: &RunError| matches!(error, RunError::Config { .. });
        let lifted = match &self.folder {
            // It is told already that nobody can tell.
            Some(_) if self.wrong.iter().any(is_broken) => return None,
            Some(folder) => lifted(folder, self.home),
            None => Ok(Vec::new()),
        };
        let lifted = match lifted {
            Ok(lifted) => lifted,
            Err(error) => return Some(self.config(error)),
        };
        let refused = of(&lifted);
        self.manifest.iter_mut().for_each(|manifest| manifest.lifted.clone_from(&lifted));
        (!refused.is_empty()).then_some(RunError::RefusedVariables(refused))
    }

    /// The manifest, if there is one, and what `-e` asks for.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn usable(self) -> Result<(Option<Manifest>, Vec<Assignment>), RunError> {
        RunError::together(self.wrong)?;
        Ok((self.manifest, self.assignments))
    }
}

/// The manifest that the options or the current folder name, if all that it sets may be set.
///
/// # Errors
/// [`RunError::Manifest`] also if there is none.
pub fn manifest(file: Option<&PathBuf>, home: &Home) -> Result<Manifest, RunError> {
    let (manifest, _) = Asked::new(file, home).usable()?;
    manifest.ok_or(RunError::Manifest(ManifestError::NotFound))
}

/// As [`manifest`], for what it says alone: nothing is set because of it.
///
/// # Errors
/// As [`manifest`], but for variables that may not be set.
pub fn unjudged_manifest(file: Option<&PathBuf>) -> Result<Manifest, RunError> {
    read(file, UNJUDGED)
}

fn read(file: Option<&PathBuf>, lifted: Lifted<'_>) -> Result<Manifest, RunError> {
    let named = file
        .cloned()
        .or_else(|| env::var_os("PDS_MANIFEST").filter(|path| !path.is_empty()).map(PathBuf::from));
    if let Some(path) = named {
        return Ok(Manifest::load(&path, effective_uid(), lifted)?);
    }
    let start = env::current_dir().map_err(RunError::NoCurrentFolder)?;
    let home = env::var_os("HOME").and_then(|home| fs::canonicalize(home).ok());
    Ok(Manifest::find(&start, home.as_deref(), effective_uid(), lifted)?)
}

/// What the user's config lifts for the project in `folder`.
fn lifted(folder: &Path, home: &Home) -> Result<Vec<String>, ConfigError> {
    let config = Config::read(&home.config_file())?;
    let lift = config.lift.get(folder.to_string_lossy().as_ref());
    Ok(lift.map(|lift| lift.variables.clone()).unwrap_or_default())
}
