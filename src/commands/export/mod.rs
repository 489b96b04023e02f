//! `export`: secrets in a form that another program reads, byte for byte, or an error.
//!
//! ```text
//! choose: which keys, under which names
//! fetch:  their values, in batches, on the audit trail as a command called `export`
//! form:   what the format can't carry, all of it at once; else the text, in secret memory
//! place:  a file or standard output, in one go
//! ```

mod choose;
mod fetch;
mod form;
mod place;
mod write;

use std::{ffi::OsStr, io::IsTerminal};

use super::{CommandError, passwords_of};
use crate::{
    cli,
    client::Asker,
    error::Error,
    home::Home,
    run::{
        self, RunError, approval,
        environment::Entry,
        manifest::ManifestError,
        plan::{self, Plan},
    },
    say::{Told, count, escaped, note},
    secret::InvalidKey,
    sys::terminal::{self, PromptError},
    variable::{VariableName, refused},
};
use form::Format;
pub use form::Unfit;

/// What `export` is called on the audit trail.
const COMMAND: &str = "export";

/// A value under the name that it is exported as.
struct Named<'v> {
    name: &'v str,
    value: &'v [u8],
    /// Whether a log has to mask it: a manifest's plain values are no secrets.
    is_secret: bool,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Neither keys nor a manifest.
    #[error("there is no `pds.toml` here or in a folder above, and no key was named either")]
    NothingToExport,
    /// No key is of this form.
    #[error("no key is of the form `{}`", escaped(.0))]
    NoMatch(String),
    /// A name that no variable can have.
    #[error("`{}` names no variable before its `=`", escaped(.0))]
    NotAVariable(String),
    /// A form of keys can't have one name.
    #[error("`{}` has one name for many keys", escaped(.0))]
    NamedPattern(String),
    /// A key that can't be one.
    #[error("`{}` can't be a key: {reason}", escaped(key))]
    NotAKey {
        /// Which.
        key: String,
        /// The rule that it breaks.
        reason: InvalidKey,
    },
    /// Keys whose names would be the same, or no variable's.
    #[error("some keys have no name of their own")]
    Names(Vec<Clash>),
    /// Values that the format can't carry exactly.
    #[error("some values can't be exported")]
    Unfit(Vec<Unfit>),
    /// A Kubernetes object's name that is none.
    #[error("`--name` has 1 to 253 of `a-z`, `0-9`, `-` and `.`, letters or digits at both ends")]
    NotAKubernetesName,
    /// `github` with nowhere to write to.
    #[error("`github` writes to the file that GITHUB_ENV names, which is not set")]
    NoGithubFile,
    /// Masks would go where the runner looks for values, and reads none.
    #[error("standard output is the file that the values go to, and masks in it hide nothing")]
    MasksInFile,
    /// A terminal, and nobody who may be asked.
    #[error("standard output is a terminal, and the values would be seen")]
    Terminal,
}

/// A key that has no name of its own in a format of variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Clash {
    /// Two keys for one name.
    #[error("`{first}` and `{second}` would both be `{name}`")]
    Both {
        /// One key.
        first: String,
        /// The other.
        second: String,
        /// What both would be.
        name: String,
    },
    /// A key that makes no name.
    #[error("no variable can be named after `{0}`")]
    None(String),
}

impl Clash {
    fn told(&self) -> Told {
        let (Self::Both { second: key, .. } | Self::None(key)) = self;
        let hint = format!("name it yourself: VAR={key}");
        let (what, state) = match self {
            Self::Both { first, second, name } => {
                (name, format!("would be both `{first}` and `{second}`"))
            }
            Self::None(key) => (key, "no variable can be named so".to_owned()),
        };
        let cells = [format!("`{what}`"), state, format!("VAR={key}")];
        Told::new(self, Some(hint)).in_table("names have to be given", cells)
    }
}

impl ExportError {
    /// The stable word for it in `--json`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingToExport => "no-manifest",
            Self::NoMatch(_) => "not-found",
            Self::NotAVariable(_) | Self::NamedPattern(_) | Self::NotAKubernetesName => "usage",
            Self::NotAKey { .. } => "invalid-key",
            Self::Names(_) => "name-clash",
            Self::Unfit(_) => "value-unfit",
            Self::NoGithubFile => "no-github-file",
            Self::MasksInFile => "masks-in-file",
            Self::Terminal => "terminal",
        }
    }

    /// Everything that there is to say about it.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        let hint = |hint: &str| Some(hint.to_owned());
        match self {
            Self::NothingToExport => {
                vec![Told::new(self, hint("pds export '*', for all keys of the profile"))]
            }
            Self::NoMatch(_) => vec![Told::new(self, hint("pds list"))],
            Self::NamedPattern(_) => vec![Told::new(self, hint("leave the name out"))],
            Self::Names(all) => all.iter().map(Clash::told).collect(),
            Self::Unfit(all) => all.iter().map(Unfit::told).collect(),
            Self::NoGithubFile => {
                vec![Told::new(self, hint("--output \"$GITHUB_OUTPUT\", or run it in a step"))]
            }
            Self::MasksInFile => {
                let own = "leave `>> \"$GITHUB_ENV\"` out: pds writes to that file by itself";
                vec![Told::new(self, hint(own))]
            }
            Self::Terminal => {
                vec![Told::new(self, hint("--output FILE writes a file; --yes shows them"))]
            }
            _ => vec![Told::new(self, None)],
        }
    }

    /// The exit status.
    #[must_use]
    pub fn exit_status(&self) -> i32 {
        match self {
            Self::NoMatch(_) => 4,
            Self::NotAVariable(_)
            | Self::NamedPattern(_)
            | Self::NotAKey { .. }
            | Self::NotAKubernetesName => 2,
            _ => 1,
        }
    }
}

pub(super) fn export(options: &cli::Export, home: &Home) -> Result<(), Error> {
    let format = Format::named(&options.format);
    if !form::is_kubernetes_name(&options.name) {
        return Err(CommandError::from(ExportError::NotAKubernetesName).into());
    }
    let passwords = passwords_of(&options.password)?;
    let place = place::Place::new(options, format)?;
    let mut asker = Asker::new(home, &passwords);
    if options.keys.is_empty() {
        of_manifest(options, home, &mut asker, format, &place)
    } else {
        of_keys(options, &mut asker, format, &place)
    }
}

/// What `run` would set: its approval is asked for, and its refusals count.
fn of_manifest(
    options: &cli::Export,
    home: &Home,
    asker: &mut Asker<'_>,
    format: Format,
    place: &place::Place,
) -> Result<(), Error> {
    let manifest = match run::asked::manifest(options.manifest.as_ref(), home) {
        Err(RunError::Manifest(ManifestError::NotFound)) => {
            return Err(CommandError::from(ExportError::NothingToExport).into());
        }
        manifest => manifest?,
    };
    let plan = Plan::new(Some(&manifest), &options.profile, &[]).map_err(RunError::from)?;
    plan.warn();
    may_show(place, asker, options.yes)?;
    run::with_variables(&plan, asker, OsStr::new(COMMAND), |entries| {
        let named: Vec<Named<'_>> = entries.iter().filter_map(named_entry).collect();
        finish(&named, format, &options.name, place)
    })??;
    Ok(())
}

fn named_entry<'e>(entry: &'e Entry<'_>) -> Option<Named<'e>> {
    let name = entry.variable()?.as_str();
    let [_, _, value] = entry.parts();
    Some(Named { name, value, is_secret: matches!(entry, Entry::Secret { .. }) })
}

/// Named by the person, and so approved by nobody else, as with `get`.
fn of_keys(
    options: &cli::Export,
    asker: &mut Asker<'_>,
    format: Format,
    place: &place::Place,
) -> Result<(), Error> {
    let profiles = plan::profiles(&options.profile, None).map_err(RunError::from)?;
    may_show(place, asker, options.yes)?;
    let chosen = choose::choose(&options.keys, &profiles, format.has_keys(), asker)?;
    if !format.has_keys() {
        let names: Vec<VariableName> =
            chosen.iter().filter_map(|chosen| VariableName::new(&chosen.name).ok()).collect();
        let refused = refused::refusals(&names, &[] as &[&str]);
        if !refused.is_empty() {
            return Err(RunError::RefusedVariables(refused).into());
        }
    }
    let values = fetch::fetch(&chosen, &profiles, asker)?;
    let named: Vec<Named<'_>> = chosen
        .iter()
        .zip(values.iter())
        .map(|(chosen, value)| Named { name: &chosen.name, value, is_secret: true })
        .collect();
    Ok(finish(&named, format, &options.name, place)?)
}

fn finish(
    named: &[Named<'_>],
    format: Format,
    object: &str,
    place: &place::Place,
) -> Result<(), CommandError> {
    let unfit = form::unfit(named, format);
    if !unfit.is_empty() {
        return Err(ExportError::Unfit(unfit).into());
    }
    let text = form::text(named, format, object)?;
    place.write(&text, named)?;
    if let Some(path) = place.file() {
        let shown = path.to_string_lossy();
        note(format_args!(
            "wrote {} to `{}`, in the clear",
            count(named.len(), "value"),
            escaped(&shown)
        ));
    }
    Ok(())
}

/// Asked before the daemon is: values that nobody is to see are not even fetched.
fn may_show(place: &place::Place, asker: &Asker<'_>, yes: bool) -> Result<(), CommandError> {
    if yes || place.file().is_some() || !std::io::stdout().is_terminal() {
        return Ok(());
    }
    if !asker.passwords().may_ask() {
        return Err(ExportError::Terminal.into());
    }
    match terminal::ask("pds: show the values on this terminal? [y/N] ") {
        Ok(answer) if approval::is_yes(&answer) => Ok(()),
        Ok(_) | Err(PromptError::Cancelled) => Err(CommandError::Said { status: 1 }),
        Err(_) => Err(ExportError::Terminal.into()),
    }
}
