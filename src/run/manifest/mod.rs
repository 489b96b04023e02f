//! `pds.toml`: what a project asks for. It holds no secret and no code.
//!
//! A manifest may come from a stranger's repository, so reading one executes nothing,
//! costs little whatever is in it, and grants nothing: who may have what is decided
//! elsewhere, by the person.

mod compose;
mod find;
mod generate;
mod item;
mod parse;
mod password;
mod problem;
mod template;
mod walk;

use std::path::{Path, PathBuf};

use crate::{
    secret::TrustProfileName,
    variable::{VariableName, pattern::NamePattern, refused::Listed},
};

pub use find::{FILE_NAME, ManifestError};
pub use generate::{GENERATE_MAX_BYTES, GENERATE_MIN_BYTES, Generate, InvalidGenerate, Writing};
pub use item::{Item, What};
pub use password::PasswordRules;
pub use problem::{Invalid, Problem, ProblemKind};
pub use template::{Filter, Segment, Template, TemplateProblem};

/// A manifest's file has at most this many bytes: 256 KiB.
pub const MANIFEST_MAX_BYTES: usize = 256 * 1024;
/// Variables, secrets, templates, and the names in its lists: at most this many together.
pub const MANIFEST_MAX_ENTRIES: usize = 4_096;
/// A project's name has 1 to this many bytes.
pub const PROJECT_MAX_BYTES: usize = 128;

/// A manifest that was read and understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The file: absolute, without symbolic links if it was found by searching from a
    /// folder that is.
    pub path: PathBuf,
    /// The folder that it is in.
    pub directory: PathBuf,
    /// The user id of the file's owner.
    pub owner: u32,
    /// What the project calls itself. Unchecked by anything: a claim.
    pub project: Option<String>,
    /// Where secrets come from unless they say otherwise, later ones winning; empty if
    /// the manifest doesn't say.
    pub profiles: Vec<TrustProfileName>,
    /// What the command keeps of the environment.
    pub inherit: Inherit,
    /// What happens if a variable is already set.
    pub conflict: Conflict,
    /// Plain values, in the file's order.
    pub vars: Vec<(VariableName, String)>,
    /// What is asked of the vault, in the file's order.
    pub secrets: Vec<SecretReference>,
    /// Values made of others, each after those that it is made of.
    pub compose: Vec<Composed>,
    /// Variables that it sets and the person should know about, each with why.
    pub warned: Vec<(VariableName, Listed)>,
    /// What the user's config lifts for its project; empty unless that matters.
    pub lifted: Vec<String>,
    /// The variables that it sets and may not, each in its place. Whoever sets any, or
    /// approves of it, has to look.
    pub refused: Option<Box<Invalid>>,
}

/// What the user's config lifts for the project in a folder, for whom it matters. `None`
/// where nobody can tell; then no variable is refused.
pub type Lifted<'l> = &'l dyn Fn(&Path) -> Option<Vec<String>>;

/// No variable is refused: for what a manifest says, whoever may have it.
pub const UNJUDGED: Lifted<'static> = &|_| None;

/// A variable, and the key whose value it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    /// The variable, or for hidden values the name that templates know it by.
    pub variable: VariableName,
    /// A key that [`crate::secret::validate_secret_key`] accepts.
    pub key: String,
    /// Whether the command can't start without it. If it can, the variable is unset.
    pub required: bool,
    /// The profiles of its own; empty: the manifest's.
    pub profiles: Vec<TrustProfileName>,
    /// How to make and store it if it is absent.
    pub generate: Option<Generate>,
    /// What stands in for it if it is absent. Not a secret: it is in the manifest.
    pub default: Option<String>,
    /// How it reaches the command.
    pub delivery: Delivery,
    /// A word to whoever is asked for the value.
    pub about: Option<String>,
}

/// How a value reaches the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// As a variable.
    Env,
    /// Not by itself: templates use it.
    Hidden,
}

/// A variable, and the template of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// The variable.
    pub name: VariableName,
    /// What its value is made of.
    pub template: Template,
}

/// What the command keeps of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inherit {
    /// Everything.
    All,
    /// The variables that one of these matches.
    Only(Vec<NamePattern>),
}

/// What happens to a variable that the manifest sets and the environment already has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The manifest's value counts.
    Secret,
    /// The environment's value counts.
    Environment,
    /// Nothing starts.
    Error,
}

impl Conflict {
    const ALL: [(&str, Self); 3] =
        [("secret", Self::Secret), ("environment", Self::Environment), ("error", Self::Error)];
}

impl Delivery {
    const ALL: [(&str, Self); 2] = [("env", Self::Env), ("hidden", Self::Hidden)];
}

impl Manifest {
    /// Every variable that the command would get from here: what has to pass
    /// [`crate::variable::refused::judge`].
    pub fn variables(&self) -> impl Iterator<Item = &VariableName> {
        let shown = self.secrets.iter().filter(|secret| secret.delivery == Delivery::Env);
        let vars = self.vars.iter().map(|(name, _)| name);
        vars.chain(shown.map(|s| &s.variable)).chain(self.compose.iter().map(|c| &c.name))
    }

    /// The profiles that `secret` is looked for in, later ones winning; empty if neither
    /// it nor the manifest names one.
    #[must_use]
    pub fn profiles_of<'a>(&'a self, secret: &'a SecretReference) -> &'a [TrustProfileName] {
        if secret.profiles.is_empty() { &self.profiles } else { &secret.profiles }
    }
}

#[cfg(test)]
mod tests;
