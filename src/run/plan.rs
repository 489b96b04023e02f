//! Which key for which variable: the manifest and the command line together.

use std::{
    collections::{BTreeSet, HashSet},
    env,
};

use super::{
    RunError,
    assignment::{Assignment, BadOption},
    environment::EnvironmentProblem,
    manifest::{Composed, Conflict, Delivery, Generate, Inherit, Manifest},
};
use crate::{
    client::DEFAULT_PROFILE,
    say,
    secret::TrustProfileName,
    variable::{
        VariableName,
        refused::{self, NOTHING_LIFTED, RefusedVariable, Verdict},
    },
};

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
        assignments: &[Assignment],
    ) -> Result<Self, BadOption> {
        let profiles = profiles(named, manifest)?;
        let assigned: Vec<_> = assignments.iter().map(|one| assigned(one, &profiles)).collect();
        let is_over = |name: &VariableName| assigned.iter().any(|over| over.variable == *name);
        let (secrets, vars, compose) = (Vec::new(), Vec::new(), Vec::new());
        let mut plan = Self { manifest, profiles, secrets, vars, compose };
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

    /// Says which variables are only to be known about.
    pub fn warn(&self) {
        let is_assigned =
            |name: &VariableName| self.secrets.iter().any(|s| s.is_assigned && s.variable == *name);
        let of_manifest = self.manifest.iter().flat_map(|manifest| &manifest.warned);
        let mut warned: Vec<_> = of_manifest
            .filter(|(name, _)| !is_assigned(name))
            .map(|(name, listed)| (name, *listed))
            .collect();
        for secret in self.secrets.iter().filter(|secret| secret.is_assigned) {
            if let Verdict::Warned(listed) = refused::judge(&secret.variable, NOTHING_LIFTED) {
                warned.push((&secret.variable, listed));
            }
        }
        for (name, listed) in warned {
            say::note(format_args!("warning: `{name}` is set: {}", listed.reason));
        }
    }

    /// A line for each variable that may be set because it is lifted.
    #[must_use]
    pub fn lifted_lines(&self) -> Vec<String> {
        let listed = refused::refusals(self.variables(), NOTHING_LIFTED);
        let lifted = self.manifest.map(|manifest| manifest.lifted.as_slice()).unwrap_or_default();
        let is_lifted =
            |one: &&RefusedVariable| refused::judge(&one.name, lifted) == Verdict::Allowed;
        let line = |one: &RefusedVariable| {
            format!("lifted  {} by your config, though {}", one.name, one.listed.reason)
        };
        listed.iter().filter(is_lifted).map(line).collect()
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

fn assigned(one: &Assignment, profiles: &[TrustProfileName]) -> Planned {
    Planned {
        variable: one.variable.clone(),
        key: one.key.clone(),
        profiles: profiles.to_vec(),
        required: true,
        hidden: false,
        default: None,
        generate: None,
        is_assigned: true,
    }
}
