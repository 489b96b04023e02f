//! From what was inherited and what was resolved to what the command will see. Pure.
//!
//! Exactly one entry per name: of two, dash and bash take the last and perl the first
//! (CVE-2010-1646 is about two `PATH`s), so whoever checks one may be told the other.

mod compose;
mod filter;
mod limits;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    manifest::{Composed, Conflict, Inherit},
    pattern::NamePattern,
    variable::VariableName,
};
use crate::secret::{OutOfSecretMemory, SecureBytes};

pub use limits::{MAX_ARG_STRLEN, TooLarge, kernel_limit};

/// What `--clean` keeps.
pub const CLEAN: [&str; 10] = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LC_*", "TZ", "TMPDIR",
];
/// What no command gets: where a password is, and the key by which a client is known.
pub const STRIPPED: [&str; 2] = ["PDS_PASSWORD_FILE", "PDS_CLIENT_KEY"];

/// How a function that bash imports from the environment starts (CVE-2014-6271).
const FUNCTION: &[u8] = b"() {";

impl Inherit {
    /// `--clean`: [`CLEAN`] alone.
    #[must_use]
    pub fn clean() -> Self {
        Self::Only(
            CLEAN
                .iter()
                .filter_map(|name| NamePattern::new(name).ok())
                .collect(),
        )
    }
}

/// A secret that was resolved.
#[derive(Debug)]
pub struct Resolved<'a> {
    /// The variable, or the name that templates know it by.
    pub name: &'a VariableName,
    /// Its value.
    pub value: SecureBytes,
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
    /// One that is optional and absent is simply not in it.
    pub secrets: Vec<Resolved<'a>>,
    /// Templates, each after those that it takes values from. A secret of the same name
    /// replaces one. One that takes a value which is absent is absent itself.
    pub compose: &'a [Composed],
    /// Which of two values counts. It does not reach into templates: those take their
    /// values from the manifest alone.
    pub conflict: Conflict,
}

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
        value: SecureBytes,
    },
}

/// What the command will see, in order: what was inherited, then plain values, secrets
/// and composed values, each in the manifest's order.
#[derive(Debug)]
pub struct Environment<'a> {
    entries: Vec<Entry<'a>>,
}

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
    #[error("`{name}` has {len} bytes with its value: the kernel's limit is {MAX_ARG_STRLEN}")]
    TooLong {
        /// The variable.
        name: VariableName,
        /// With its name, `=` and the final NUL.
        len: usize,
    },
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
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Nul(name) | Self::TooLong { name, .. } => Some(format!(
                "hand `{name}` over in another way, such as `pds get KEY` on a pipe"
            )),
            Self::AlreadySet(name) => Some(format!(
                "unset `{name}`, or choose with `conflict = \"secret\"` or `\"environment\"`"
            )),
            Self::SetTwice(name) => Some(format!("give `{name}` one key")),
            Self::NotText { .. } => Some("`base64` takes any bytes".to_owned()),
            Self::Function(_) | Self::OutOfSecretMemory(_) => None,
        }
    }
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
    pub fn bind(sources: Sources<'a>) -> Result<Self, Vec<EnvironmentProblem>> {
        let Sources {
            inherited,
            inherit,
            vars,
            secrets,
            compose,
            conflict,
        } = sources;
        let mut problems = duplicates(&secrets);
        let composed = compose::compose(compose, vars, &secrets, &mut problems);
        let taken: BTreeSet<_> = secrets
            .iter()
            .map(|s| s.name)
            .chain(compose.iter().map(|c| &c.name))
            .collect();
        let mut set: Vec<Entry<'a>> = vars
            .iter()
            .filter(|(name, _)| !taken.contains(name))
            .map(|(name, value)| Entry::Plain { name, value })
            .collect();
        let shown = secrets.into_iter().filter(|secret| !secret.hidden);
        set.extend(shown.map(|secret| Entry::Secret {
            name: secret.name,
            value: secret.value,
        }));
        set.extend(
            composed
                .into_iter()
                .map(|(name, value)| Entry::Secret { name, value }),
        );
        problems.extend(set.iter().filter_map(Entry::problem));

        let mut names: BTreeMap<&[u8], Owner> =
            set.iter().map(|entry| (entry.name(), Owner::Set)).collect();
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
                    problems.extend(
                        entry
                            .variable()
                            .cloned()
                            .map(EnvironmentProblem::AlreadySet),
                    );
                }
                _ => entries.push(entry),
            }
        }
        if problems.is_empty() {
            Ok(Self { entries })
        } else {
            Err(problems)
        }
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
fn admit<'n>(text: &'n [u8], names: &mut BTreeMap<&'n [u8], Owner>, conflict: Conflict) -> bool {
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
    if STRIPPED
        .iter()
        .any(|stripped| name == Some(stripped.as_bytes()))
    {
        return false;
    }
    match inherit {
        Inherit::All => true,
        Inherit::Only(patterns) => {
            name.is_some_and(|name| patterns.iter().any(|pattern| pattern.matches(name)))
        }
    }
}

/// What is before the first `=`, if that is anything.
fn name_of(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|&b| b == b'=')?;
    (end > 0).then(|| &text[..end])
}

fn duplicates(secrets: &[Resolved<'_>]) -> Vec<EnvironmentProblem> {
    let mut seen = BTreeSet::new();
    let twice = secrets.iter().filter(|secret| !seen.insert(secret.name));
    twice
        .map(|secret| EnvironmentProblem::SetTwice(secret.name.clone()))
        .collect()
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
            Self::Secret { name, value } => name.len() + value.len() + 2,
        }
    }

    fn value(&self) -> &[u8] {
        match self {
            Self::Inherited(_) => &[],
            Self::Plain { value, .. } => value.as_bytes(),
            Self::Secret { value, .. } => value.expose(),
        }
    }

    /// `to` has [`Entry::len`] bytes.
    fn write_into(&self, to: &mut [u8]) {
        let mut at = 0;
        let mut put = |part: &[u8]| {
            to[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        match self {
            Self::Inherited(text) => put(text),
            Self::Plain { name, .. } | Self::Secret { name, .. } => {
                put(name.as_bytes());
                put(b"=");
                put(self.value());
            }
        }
        put(b"\0");
    }

    fn problem(&self) -> Option<EnvironmentProblem> {
        let name = self.variable()?;
        if self.value().contains(&0) {
            return Some(EnvironmentProblem::Nul(name.clone()));
        }
        if self.value().starts_with(FUNCTION) {
            return Some(EnvironmentProblem::Function(name.clone()));
        }
        let len = self.len();
        (len > MAX_ARG_STRLEN).then(|| EnvironmentProblem::TooLong {
            name: name.clone(),
            len,
        })
    }
}

#[cfg(test)]
mod tests;
