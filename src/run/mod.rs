//! The caller's process, from the manifest to the command that it becomes.
//!
//! ```text
//! manifest: find → read once → parse   (what is asked for)
//! plan: which key, for which variable  (what is refused)
//! fetch: one batch, approved           (what is answered)
//! environment: bind, compose, check    (what the command will see)
//! exec                                 (and nothing of ours after it)
//! ```
#![forbid(unsafe_code)]

pub mod approval;
pub mod asked;
pub mod assignment;
mod besides;
pub mod environment;
mod exec;
pub mod explain;
mod fetch;
mod first_use;
mod listing;
pub mod look;
pub mod manifest;
pub mod plan;

use std::{
    convert::Infallible,
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use crate::{
    cli,
    client::{AskError, Asker, ClientError, Passwords},
    config::ConfigError,
    home::Home,
    say::{self, Told, escaped},
    secret::OutOfSecretMemory,
    sys::{exec::ExecError, process::Inherited},
    variable::refused::RefusedVariable,
};
use asked::Asked;
use assignment::BadOption;
use besides::with_the_rest;
use environment::{Entry, Environment, EnvironmentProblem, Sources, TooLarge};
use explain::{explain, in_lines, inherited_names};
use look::Look;
use manifest::{Inherit, ManifestError};
use plan::Plan;

/// Why a command was not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no manifest, and no `-e` that would do without.
    #[error("there is no `pds.toml` here or in a folder above, and no `-e` either")]
    NothingToRunWith,
    /// The manifest can't be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The current folder can't be told.
    #[error("can't tell the current folder: {0}")]
    NoCurrentFolder(io::Error),
    /// An option's value is not of its form.
    #[error(transparent)]
    Option(#[from] BadOption),
    /// Variables that no secret may set.
    #[error("some variables can't be set")]
    RefusedVariables(Vec<RefusedVariable>),
    /// The config, which could have lifted a refused variable, is broken.
    #[error("`{}`: {error}", escaped(&path.to_string_lossy()))]
    Config {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: ConfigError,
    },
    /// The daemon could not be asked, or refused.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The manifest asks for something that was not approved.
    #[error("the manifest is not approved")]
    NotApproved(approval::Missing),
    /// Values that no environment can hold.
    #[error("some values can't be in an environment")]
    Environment(Vec<EnvironmentProblem>),
    /// More than the kernel takes.
    #[error("the command and its environment are too large")]
    TooLarge(Vec<TooLarge>),
    /// `execve` refused.
    #[error("can't run `{}`: {error}", escaped(&program.to_string_lossy()))]
    Exec {
        /// The command.
        program: OsString,
        /// Why.
        error: ExecError,
    },
    /// What `--dry-run` shows can't be written.
    #[error("can't write to standard output: {0}")]
    Output(io::Error),
    /// More than one of these.
    #[error("{}", .0.first().map(Self::to_string).unwrap_or_default())]
    Several(Vec<Self>),
    /// There is no memory for the values.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
}

impl From<ClientError> for RunError {
    fn from(error: ClientError) -> Self {
        Self::Ask(error.into())
    }
}

impl RunError {
    /// One for all of `wrong`.
    ///
    /// # Errors
    /// That, unless nothing is wrong.
    pub fn together(mut wrong: Vec<Self>) -> Result<(), Self> {
        match wrong.len() {
            0 => Ok(()),
            1 => Err(wrong.remove(0)),
            _ => Err(Self::Several(wrong)),
        }
    }

    /// The stable word for it in `--json`, where its parts have none of their own.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingToRunWith => "no-manifest",
            Self::Manifest(error) => error.code(),
            Self::NoCurrentFolder(_) => "no-current-folder",
            Self::Option(_) => "usage",
            Self::RefusedVariables(_) => "variable-refused",
            Self::Config { .. } => "config-invalid",
            Self::Ask(AskError::Client(error)) => error.code(),
            Self::Ask(AskError::Password(error)) => error.code(),
            Self::Ask(AskError::Refused(_)) => "refused",
            Self::NotApproved(_) => "not-approved",
            Self::Environment(_) => "value-unfit",
            Self::TooLarge(_) => "too-large",
            Self::Exec { .. } => "exec",
            Self::Output(_) => "output",
            Self::Several(all) => all.first().map_or("manifest-invalid", Self::code),
            Self::OutOfSecretMemory(_) => "out-of-secret-memory",
        }
    }

    /// Everything that there is to say about it.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        let hint = |hint: &str| Some(hint.to_owned());
        match self {
            Self::NothingToRunWith => vec![Told::new(self, hint("pds init"))],
            Self::Manifest(ManifestError::Invalid(invalid)) => {
                let text =
                    format!("the manifest can't be used\n{}", invalid.render(say::has_colour()));
                vec![Told::styled(text)]
            }
            Self::Config { error: ConfigError::Invalid(invalid), .. } => {
                let text =
                    format!("the config can't be used\n{}", invalid.render(say::has_colour()));
                vec![Told::styled(text)]
            }
            Self::Manifest(error) => vec![Told::new(error, error.hint())],
            Self::RefusedVariables(all) => all.iter().map(RefusedVariable::told).collect(),
            Self::Option(option) => vec![option.told()],
            Self::Several(all) => all.iter().flat_map(Self::told).collect(),
            Self::Ask(error) => error.told(),
            Self::NotApproved(missing) => missing.told(),
            Self::Environment(all) => all.iter().map(EnvironmentProblem::told).collect(),
            Self::TooLarge(all) => {
                all.iter().map(|problem| Told::new(problem, problem.hint())).collect()
            }
            Self::OutOfSecretMemory(_) => {
                vec![Told::new(self, hint("raise RLIMIT_MEMLOCK (`ulimit -l`)"))]
            }
            _ => vec![Told::new(self, None)],
        }
    }
}

/// Runs a command with the secrets that its manifest asks for. Returns only if it
/// could not, or if it was only asked what it would do.
///
/// # Errors
/// Everything that stands in the way, at once; then nothing was started.
pub fn run(
    options: &cli::Run,
    home: &Home,
    inherited: Inherited,
) -> Result<Option<Infallible>, RunError> {
    let passwords = Passwords::new(&options.password.password_file, options.password.no_prompt)
        .map_err(AskError::from)?;
    let asked = Asked::new(options.source.manifest.as_ref(), home).with(&options.env);
    let (manifest, assignments) = asked.usable()?;
    let plan = Plan::new(manifest.as_ref(), &options.source.profile, &assignments)?;
    plan.warn();
    let mut asker = Asker::new(home, &passwords);
    let command = options.command.first().map(OsString::as_os_str).unwrap_or_default();
    hint_at_what_the_shell_did(&options.command);
    let conflicts = || plan.refuse_conflicts(&inherited_names(&plan.inherit(options.clean)));
    if options.dry_run {
        fetch::check(&plan, &mut asker, command)
            .map_err(|first| with_the_rest(first, &plan, &mut asker, command, conflicts))?;
        conflicts()?;
        let inherited = inherited_names(&plan.inherit(options.clean));
        let look = Look::new(&plan, &mut asker, command)?;
        let mut text = in_lines(&explain(&plan, Some(&look), &inherited));
        let words = options.command.iter().map(|word| word.to_string_lossy());
        text.push_str(&format!("would run: {}\n", escaped(&shell_words::join(words))));
        say::print(text.as_bytes()).map_err(RunError::Output)?;
        return Ok(None);
    }
    let values = fetch::fetch(&plan, &mut asker, command)
        .map_err(|first| with_the_rest(first, &plan, &mut asker, command, conflicts))?;
    drop(asker);
    let withheld = exec::withheld(&passwords);
    let prepared = exec::Prepared::new(&plan, &values, options.clean, &withheld, &options.command)?;
    drop(values);
    passwords.take_back_descriptors(home.client_key.as_deref());
    let error = prepared.exec(inherited);
    Err(RunError::Exec { program: command.to_owned(), error })
}

/// Hands what `run` would set, and nothing that was inherited, to `then`.
///
/// # Errors
/// Everything that stands in the way, at once; then nothing was handed over.
pub fn with_variables<T>(
    plan: &Plan<'_>,
    asker: &mut Asker<'_>,
    command: &OsStr,
    then: impl FnOnce(&[Entry<'_>]) -> T,
) -> Result<T, RunError> {
    let values = fetch::fetch(plan, asker, command)
        .map_err(|first| with_the_rest(first, plan, asker, command, || Ok(())))?;
    let environment = Environment::bind(Sources {
        inherited: &[],
        inherit: &Inherit::All,
        vars: &plan.vars,
        secrets: values.resolved(plan),
        absent: Vec::new(),
        compose: &plan.compose,
        conflict: plan.conflict(),
    })
    .map_err(RunError::Environment)?;
    Ok(then(environment.entries()))
}

/// `pds run -- echo "$TOKEN"` is everybody's first surprise: the shell has put nothing in
/// the place of `$TOKEN` before pds ran. Said to a person who types, not to a pipeline; and
/// what costs a system call comes last.
fn hint_at_what_the_shell_did(command: &[OsString]) {
    // Neither does anything by itself that a person would type it for.
    let shows = |word: &OsString| ["echo", "printf"].contains(&base_name(word).as_str());
    let nothing_left = matches!(command, [word] if shows(word));
    let has_empty = || command.iter().skip(1).any(|argument| argument.is_empty());
    if (nothing_left || has_empty()) && say::is_dialogue() {
        say::hint("your shell replaced `$NAME` before pds ran; try sh -c 'echo $NAME'");
    }
}

/// The command's name without its folders, for the audit trail, which takes no control
/// characters. Empty if there is none.
fn base_name(command: &OsStr) -> String {
    let name = command.as_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    String::from_utf8_lossy(name).chars().map(plain).take(COMMAND_SHOWN_MAX).collect()
}

/// Characters of a command's name that go on the audit trail.
const COMMAND_SHOWN_MAX: usize = 128;
