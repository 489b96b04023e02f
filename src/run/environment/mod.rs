//! From what was inherited and what was resolved to what the command will see. Pure.
//!
//! Exactly one entry per name: of two, dash and bash take the last and perl the first
//! (CVE-2010-1646 is about two `PATH`s), so whoever checks one may be told the other.

mod compose;
mod entry;
mod filter;
mod limits;
mod problem;
mod value;

use std::collections::{HashMap, HashSet};

use super::manifest::{Composed, Conflict, Inherit};
use crate::variable::{VariableName, pattern::NamePattern};

pub use crate::variable::value::{BASH_FUNCTION, MAX_ARG_STRLEN};
pub use entry::Entry;
use entry::name_of;
pub use limits::{COMPOSED_MAX_BYTES, TooLarge, kernel_limit};
pub use problem::EnvironmentProblem;
pub use value::SecretValue;

/// What `--clean` keeps.
pub const CLEAN: [&str; 10] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LC_*", "TZ", "TMPDIR"];
/// What no command gets: where a password is, and the key by which a client is known.
pub const STRIPPED: [&str; 2] = ["PDS_PASSWORD_FILE", "PDS_CLIENT_KEY"];

impl Inherit {
    /// `--clean`: [`CLEAN`] alone.
    #[must_use]
    pub fn clean() -> Self {
        Self::Only(CLEAN.iter().filter_map(|name| NamePattern::new(name).ok()).collect())
    }
}

/// A secret that was resolved.
#[derive(Debug)]
pub struct Resolved<'a> {
    /// The variable, or the name that templates know it by.
    pub name: &'a VariableName,
    /// Its value.
    pub value: SecretValue<'a>,
    /// Whether only templates may have it.
    pub hidden: bool,
}

/// Everything that an environment is made of.
#[derive(Debug)]
pub struct Sources<'a> {
    /// `NAME=VALUE`, as this process got them.
    pub inherited: &'a [&'a [u8]],
    /// Which of them are kept.
    pub inherit: &'a Inherit,
    /// Plain values. A secret or a template of the same name replaces one.
    pub vars: &'a [(VariableName, String)],
    /// Those that there are.
    pub secrets: Vec<Resolved<'a>>,
    /// Variables of optional secrets that are absent: unset, whatever was inherited.
    pub absent: Vec<&'a VariableName>,
    /// Templates, each after those that it takes values from. A secret of the same name
    /// replaces one. One that takes a value which is absent is absent itself.
    pub compose: &'a [Composed],
    /// Which of two values counts. It does not reach into templates: those take their
    /// values from the manifest alone.
    pub conflict: Conflict,
}

/// What the command will see, in order: what was inherited, then plain values, secrets
/// and composed values, each in the manifest's order.
#[derive(Debug)]
pub struct Environment<'a> {
    entries: Vec<Entry<'a>>,
}

impl<'a> Environment<'a> {
    /// Binds `sources` to one entry per name.
    ///
    /// Of an inherited name that is there twice the first entry is kept: the one that
    /// `getenv`, and so this process, has seen. Entries without a name (no `=`, or one
    /// at the start) pass as they are unless `inherit` is a list. Values are checked
    /// only if they are set here: what was inherited passes untouched.
    ///
    /// # Errors
    /// Every problem. The whole size is checked by [`Environment::check_size`], which
    /// needs the command's arguments as well.
    pub fn bind(mut sources: Sources<'a>) -> Result<Self, Vec<EnvironmentProblem>> {
        let (inherited, inherit) = (sources.inherited, sources.inherit);
        let (conflict, absent) = (sources.conflict, std::mem::take(&mut sources.absent));
        let (set, mut problems) = set_here(sources);
        let mut names: HashMap<&[u8], Owner> = HashMap::with_capacity(inherited.len() + set.len());
        names.extend(absent.iter().map(|name| (name.as_str().as_bytes(), Owner::Set)));
        names.extend(set.iter().map(|entry| (entry.name(), Owner::Set)));
        let mut entries = Vec::with_capacity(inherited.len() + set.len());
        for &text in inherited.iter().filter(|text| is_kept(text, inherit)) {
            if admit(text, &mut names, conflict) {
                entries.push(Entry::Inherited(text));
            }
        }
        for entry in set {
            let already_set = names.get(entry.name()) == Some(&Owner::Both);
            match (already_set, conflict) {
                (true, Conflict::Environment) => {}
                (true, Conflict::Error) => {
                    problems.extend(entry.variable().cloned().map(EnvironmentProblem::AlreadySet));
                }
                _ => entries.push(entry),
            }
        }
        if conflict == Conflict::Error {
            let both =
                |name: &&VariableName| names.get(name.as_str().as_bytes()) == Some(&Owner::Both);
            for name in absent.into_iter().filter(both) {
                let problem = EnvironmentProblem::AlreadySet(name.clone());
                // A default may be set in its place, and was told then.
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
        if problems.is_empty() { Ok(Self { entries }) } else { Err(problems) }
    }

    /// The entries in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    /// How many bytes all entries have, each with its final NUL.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.iter().map(Entry::len).sum()
    }

    /// Whether the command gets no variable at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes each entry and its final NUL into `block`, one after the other, and returns
    /// where each starts. Nothing is copied to anywhere else on the way.
    ///
    /// # Errors
    /// [`BlockTooSmall`] if `block` has fewer than [`Environment::len`] bytes.
    pub fn write_into(&self, block: &mut [u8]) -> Result<Vec<usize>, BlockTooSmall> {
        if block.len() < self.len() {
            return Err(BlockTooSmall);
        }
        let mut at = 0;
        let write = |entry: &Entry<'_>| {
            let start = at;
            at += entry.len();
            entry.write_into(&mut block[start..at]);
            start
        };
        Ok(self.entries.iter().map(write).collect())
    }
}

/// The block is smaller than the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the block is smaller than the environment")]
pub struct BlockTooSmall;

/// Who gives a name its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The environment.
    Inherited,
    /// `sources`.
    Set,
    /// Both would.
    Both,
}

/// Whether `text` is to be kept, now that `names` are the names that there are.
fn admit<'n>(text: &'n [u8], names: &mut HashMap<&'n [u8], Owner>, conflict: Conflict) -> bool {
    let Some(name) = name_of(text) else {
        return true;
    };
    match names.get_mut(name) {
        None => {
            names.insert(name, Owner::Inherited);
            true
        }
        Some(owner @ Owner::Set) => {
            *owner = Owner::Both;
            conflict == Conflict::Environment
        }
        Some(Owner::Inherited | Owner::Both) => false,
    }
}

fn is_kept(text: &[u8], inherit: &Inherit) -> bool {
    let name = name_of(text);
    if STRIPPED.iter().any(|stripped| name == Some(stripped.as_bytes())) {
        return false;
    }
    match inherit {
        Inherit::All => true,
        Inherit::Only(patterns) => {
            name.is_some_and(|name| patterns.iter().any(|pattern| pattern.matches(name)))
        }
    }
}

/// What is set here, whatever was inherited, and what is wrong with it.
fn set_here(sources: Sources<'_>) -> (Vec<Entry<'_>>, Vec<EnvironmentProblem>) {
    let Sources { vars, secrets, compose, .. } = sources;
    let mut problems = duplicates(&secrets);
    let composed = compose::compose(compose, vars, &secrets, &mut problems);
    let of_secrets = secrets.iter().map(|secret| secret.name);
    let taken: HashSet<_> = of_secrets.chain(compose.iter().map(|c| &c.name)).collect();
    let plain = vars.iter().filter(|(name, _)| !taken.contains(name));
    let mut set: Vec<_> = plain.map(|(name, value)| Entry::Plain { name, value }).collect();
    let shown = secrets.into_iter().filter(|secret| !secret.hidden);
    let composed = composed.into_iter().map(|(name, value)| (name, SecretValue::Made(value)));
    let values = shown.map(|secret| (secret.name, secret.value)).chain(composed);
    set.extend(values.map(|(name, value)| Entry::Secret { name, value }));
    problems.extend(set.iter().filter_map(Entry::problem));
    (set, problems)
}

fn duplicates(secrets: &[Resolved<'_>]) -> Vec<EnvironmentProblem> {
    let mut seen = HashSet::with_capacity(secrets.len());
    let twice = secrets.iter().filter(|secret| !seen.insert(secret.name));
    twice.map(|secret| EnvironmentProblem::SetTwice(secret.name.clone())).collect()
}

#[cfg(test)]
mod tests;
