//! Which key for which variable: the manifest and the command line together.

use std::{
    collections::{BTreeSet, HashSet},
    env, fs,
    path::PathBuf,
};

use super::{
    RunError,
    environment::EnvironmentProblem,
    manifest::{Composed, Conflict, Delivery, Generate, Inherit, Manifest, ManifestError},
};
use crate::{
    cli::ManifestOptions,
    client::DEFAULT_PROFILE,
    config::{Config, ConfigError},
    home::Home,
    say,
    secret::{InvalidKey, TrustProfileName, validate_secret_key},
    sys::process::effective_uid,
    variable::{
        VariableName,
        refused::{self, RefusedVariable, Verdict},
    },
};

/// An option or variable whose value is not of its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOption {
    /// `-e` without `=`.
    #[error("`-e` takes VAR=KEY")]
    NotAnAssignment,
    /// Its variable can't be one.
    #[error("`-e` names no variable before its `=`")]
    NotAVariable,
    /// Its key can't be one.
    #[error("`-e` names no key after its `=`: {0}")]
    NotAKey(InvalidKey),
    /// `PDS_PROFILE` can't be a profile.
    #[error("`PDS_PROFILE` names no profile")]
    NotAProfile,
}

/// One value to fetch.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The variable, or the name that templates know it by.
    pub variable: VariableName,
    /// The key.
    pub key: String,
    /// Where to look, later ones winning. Never empty.
    pub profiles: Vec<TrustProfileName>,
    /// Whether nothing starts without it.
    pub required: bool,
    /// Whether only templates may have it.
    pub hidden: bool,
    /// What stands in for it if it is absent.
    pub default: Option<String>,
    /// How to make it if it is absent.
    pub generate: Option<Generate>,
    /// Whether `-e` asks for it, and not the manifest.
    pub is_assigned: bool,
}

/// What a run needs.
#[derive(Debug)]
pub struct Plan<'m> {
    /// The manifest, if there is one.
    pub manifest: Option<&'m Manifest>,
    /// The profiles where an entry names none of its own. Never empty.
    pub profiles: Vec<TrustProfileName>,
    /// The values to fetch.
    pub secrets: Vec<Planned>,
    /// Plain values.
    pub vars: Vec<(VariableName, String)>,
    /// Values made of others.
    pub compose: Vec<Composed>,
    /// What the user's config lifts for this project; empty before it was read.
    lifted: Vec<String>,
}

/// The manifest that the options or the current folder name.
///
/// # Errors
/// [`RunError::Manifest`] also if there is none.
pub fn manifest(file: Option<&PathBuf>) -> Result<Manifest, RunError> {
    let named = file
        .cloned()
        .or_else(|| env::var_os("PDS_MANIFEST").filter(|path| !path.is_empty()).map(PathBuf::from));
    if let Some(path) = named {
        return Ok(Manifest::load(&path, effective_uid())?);
    }
    let start = env::current_dir().map_err(RunError::NoCurrentFolder)?;
    let home = env::var_os("HOME").and_then(|home| fs::canonicalize(home).ok());
    Ok(Manifest::find(&start, home.as_deref(), effective_uid())?)
}

/// As [`manifest`], for `run`, which can do without one if there is an `-e`.
pub(super) fn manifest_for_run(
    source: &ManifestOptions,
    has_assignments: bool,
) -> Result<Option<Manifest>, RunError> {
    match manifest(source.manifest.as_ref()) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(RunError::Manifest(ManifestError::NotFound)) if has_assignments => Ok(None),
        // A folder that was removed has no manifest, and nothing above it.
        Err(RunError::NoCurrentFolder(error))
            if has_assignments && error.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        Err(RunError::Manifest(ManifestError::NotFound)) => Err(RunError::NothingToRunWith),
        Err(error) => Err(error),
    }
}

/// The profiles to use: those on the command line, else `PDS_PROFILE`, else the
/// manifest's, else `default`.
///
/// # Errors
/// [`BadOption::NotAProfile`].
pub fn profiles(
    named: &[TrustProfileName],
    manifest: Option<&Manifest>,
) -> Result<Vec<TrustProfileName>, BadOption> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    if let Some(set) = env::var_os("PDS_PROFILE").filter(|set| !set.is_empty()) {
        let name = set.to_str().and_then(|name| TrustProfileName::new(name).ok());
        return Ok(vec![name.ok_or(BadOption::NotAProfile)?]);
    }
    let listed = manifest.map(|manifest| manifest.profiles.clone()).unwrap_or_default();
    if listed.is_empty() {
        return TrustProfileName::new(DEFAULT_PROFILE)
            .map(|default| vec![default])
            .map_err(|_| BadOption::NotAProfile);
    }
    Ok(listed)
}

impl<'m> Plan<'m> {
    /// Puts the manifest and the command line together; `-e` counts more.
    ///
    /// # Errors
    /// [`BadOption`].
    pub fn new(
        manifest: Option<&'m Manifest>,
        named: &[TrustProfileName],
        assignments: &[String],
    ) -> Result<Self, BadOption> {
        let profiles = profiles(named, manifest)?;
        let assigned = assignments
            .iter()
            .map(|text| assignment(text, &profiles))
            .collect::<Result<Vec<_>, _>>()?;
        let is_over = |name: &VariableName| assigned.iter().any(|over| over.variable == *name);
        let (secrets, vars, compose, lifted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut plan = Self { manifest, profiles, secrets, vars, compose, lifted };
        if let Some(manifest) = manifest {
            let kept = |secret: &&_| -> bool {
                let secret: &super::manifest::SecretReference = secret;
                !is_over(&secret.variable)
            };
            let secrets = manifest.secrets.iter().filter(kept);
            plan.secrets = secrets.map(|secret| planned(secret, &plan.profiles)).collect();
            let vars = manifest.vars.iter().filter(|(name, _)| !is_over(name));
            plan.vars = vars.cloned().collect();
            let compose = manifest.compose.iter().filter(|made| !is_over(&made.name));
            plan.compose = compose.cloned().collect();
        }
        plan.secrets.extend(assigned);
        Ok(plan)
    }

    /// What is kept of the environment.
    #[must_use]
    pub fn inherit(&self, clean: bool) -> Inherit {
        match self.manifest {
            _ if clean => Inherit::clean(),
            Some(manifest) => manifest.inherit.clone(),
            None => Inherit::All,
        }
    }

    /// What happens to a variable that is set already.
    #[must_use]
    pub fn conflict(&self) -> Conflict {
        self.manifest.map_or(Conflict::Secret, |manifest| manifest.conflict)
    }

    /// The variables that the command would get from here.
    pub fn variables(&self) -> impl Iterator<Item = &VariableName> {
        let shown = self.secrets.iter().filter(|secret| !secret.hidden);
        let vars = self.vars.iter().map(|(name, _)| name);
        vars.chain(shown.map(|secret| &secret.variable))
            .chain(self.compose.iter().map(|made| &made.name))
    }

    /// Refuses, where the manifest says so, to set what is set already: `inherited`, of what
    /// the command would inherit.
    ///
    /// # Errors
    /// [`RunError::Environment`] with all of them.
    pub fn refuse_conflicts(&self, inherited: &BTreeSet<Vec<u8>>) -> Result<(), RunError> {
        if self.conflict() != Conflict::Error {
            return Ok(());
        }
        let mut seen = HashSet::new();
        let set = self.variables().filter(|name| inherited.contains(name.as_bytes()));
        let set = set.filter(|name| seen.insert(name.as_str())).cloned();
        let problems: Vec<_> = set.map(EnvironmentProblem::AlreadySet).collect();
        if problems.is_empty() { Ok(()) } else { Err(RunError::Environment(problems)) }
    }

    /// Refuses variables through which a value would take over the command,
    /// except those that the user's own config lifts for this project. Says
    /// which are only to be known about.
    ///
    /// # Errors
    /// [`RunError::RefusedVariables`] with all of them.
    pub fn refuse_variables(&mut self, home: &Home) -> Result<(), RunError> {
        let mut all_pass = true;
        for name in self.variables() {
            match refused::judge(name, NOTHING_LIFTED) {
                Verdict::Allowed => {}
                Verdict::Warned(listed) => {
                    say::note(format_args!("warning: `{name}` is set: {}", listed.reason));
                }
                Verdict::Refused(_) => all_pass = false,
            }
        }
        if all_pass {
            return Ok(());
        }
        // Only now is the config worth reading.
        self.lifted = self
            .read_lifted(home)
            .map_err(|error| RunError::Config { path: home.config_file(), error })?;
        let refused = refused::refusals(self.variables(), &self.lifted);
        if refused.is_empty() { Ok(()) } else { Err(RunError::RefusedVariables(refused)) }
    }

    /// A line for each variable that [`refuse_variables`](Self::refuse_variables) has let pass
    /// because it is lifted.
    #[must_use]
    pub fn lifted_lines(&self) -> Vec<String> {
        let listed = refused::refusals(self.variables(), NOTHING_LIFTED);
        let is_lifted =
            |one: &&RefusedVariable| refused::judge(&one.name, &self.lifted) == Verdict::Allowed;
        let line = |one: &RefusedVariable| {
            format!("lifted  {} by your config, though {}", one.name, one.listed.reason)
        };
        listed.iter().filter(is_lifted).map(line).collect()
    }

    fn read_lifted(&self, home: &Home) -> Result<Vec<String>, ConfigError> {
        let folder = self.manifest.map(|manifest| manifest.directory.to_string_lossy());
        let Some(folder) = folder else { return Ok(Vec::new()) };
        let config = Config::read(&home.config_file())?;
        Ok(config.lift.get(folder.as_ref()).map(|lift| lift.variables.clone()).unwrap_or_default())
    }

    /// Whether `-e` has taken the place of one of the manifest's secrets.
    #[must_use]
    pub fn is_assigned_over_a_secret(&self, name: &str) -> bool {
        let declared = self.manifest.map(|manifest| manifest.secrets.as_slice());
        let mut declared = declared.unwrap_or_default().iter();
        let mut kept = self.secrets.iter().filter(|secret| secret.variable.as_str() == name);
        declared.any(|secret| secret.variable.as_str() == name)
            && kept.all(|secret| secret.is_assigned)
    }
}

impl Planned {
    /// Whether its absence keeps the command from starting.
    #[must_use]
    pub fn must_be_there(&self) -> bool {
        self.required && self.default.is_none() && self.generate.is_none()
    }
}

const NOTHING_LIFTED: &[&str] = &[];

fn planned(secret: &super::manifest::SecretReference, profiles: &[TrustProfileName]) -> Planned {
    let own = &secret.profiles;
    Planned {
        variable: secret.variable.clone(),
        key: secret.key.clone(),
        profiles: if own.is_empty() { profiles.to_vec() } else { own.clone() },
        required: secret.required,
        hidden: secret.delivery == Delivery::Hidden,
        default: secret.default.clone(),
        generate: secret.generate,
        is_assigned: false,
    }
}

fn assignment(text: &str, profiles: &[TrustProfileName]) -> Result<Planned, BadOption> {
    let (name, key) = text.split_once('=').ok_or(BadOption::NotAnAssignment)?;
    let variable = VariableName::new(name).map_err(|_| BadOption::NotAVariable)?;
    validate_secret_key(key).map_err(BadOption::NotAKey)?;
    Ok(Planned {
        variable,
        key: key.to_owned(),
        profiles: profiles.to_vec(),
        required: true,
        hidden: false,
        default: None,
        generate: None,
        is_assigned: true,
    })
}
