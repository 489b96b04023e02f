//! Every command, flag and word of help. Data, no behaviour.
#![forbid(unsafe_code)]

mod audit;
mod carried;
mod client;
mod credential;
mod doctor;
mod export;
mod look;
mod secrets;
mod vaults;

use std::{ffi::OsString, path::PathBuf};

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand,
    error::{ContextKind, ErrorKind},
};

pub use audit::{Audit, AuditCommand, AuditFilter, AuditFollow, AuditShow, AuditVerify};
pub use carried::{Completions, Man};
pub use client::{Client, ClientAdd, ClientCommand, ClientList, ClientOption, ClientRevoke};
pub use credential::{
    CREDENTIAL_PROGRAM, Credential, CredentialAction, is_credential_helper, parse_credential,
};
pub use doctor::Doctor;
pub use export::Export;
pub use look::{Check, Explain};
pub use secrets::{Delete, Get, History, Import, List, Rename, Rollback, Set};
pub use vaults::{Backup, Init, Lock, Passwd, Restore, Unlock};

use crate::secret::TrustProfileName;

/// Run a command with exactly the secrets that its project asks for.
#[derive(Debug, Parser)]
#[command(
    name = "pds",
    version,
    about,
    disable_help_subcommand = false,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "A first session:\n  pds init                  make a vault and a manifest\n  \
                  pds set stripe/api-key    store a secret\n  pds run -- npm start      run with it"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a command with the secrets that the manifest asks for
    Run(Run),
    /// Make a vault, and a manifest if the folder has none
    Init(Init),
    /// Store a secret
    Set(Set),
    /// Print a secret: its bytes and nothing else
    Get(Get),
    /// List the versions of a secret
    History(History),
    /// Make an older version of a secret the current one again
    Rollback(Rollback),
    /// Remove a secret and all of its versions
    #[command(visible_alias = "rm")]
    Delete(Delete),
    /// Give a secret another name
    Rename(Rename),
    /// List the names of secrets
    #[command(visible_alias = "ls")]
    List(List),
    /// Store what a file, the store of pass or the environment holds
    Import(Import),
    /// Write secrets in a form that other programs read
    Export(Export),
    /// Change a profile's password: everything is encrypted anew
    Passwd(Passwd),
    /// Write a profile's vault, encrypted as it is, to one file
    Backup(Backup),
    /// Put a vault back from a backup
    Restore(Restore),
    /// Tell whether `run` would start: every problem at once, no value
    Check(Check),
    /// Show what a variable will be, from where, and what it stands in the place of
    Explain(Explain),
    /// Print the JSON schema of pds.toml, for editors
    Schema,
    /// Approve what a manifest asks for
    Allow(Allow),
    /// Take a manifest's approval back
    Disallow(Disallow),
    /// Unlock a profile
    Unlock(Unlock),
    /// Lock everything, or one profile
    Lock(Lock),
    /// Show what is running and what is unlocked
    Status(Status),
    /// Show what protects you here, and what to do about what doesn't
    Doctor(Doctor),
    /// Show or check the record of every decision about a secret
    Audit(Audit),
    /// Let others have some of the secrets: agents, containers, CI jobs
    Client(Client),
    /// Run the daemon in the foreground
    Daemon(Daemon),
    /// Lock everything and stop the daemon
    Stop,
    /// Print the completion for a shell
    Completions(Completions),
    /// Show the manual
    Man(Man),
}

impl Command {
    /// The key of the enrolled client that it is to ask as, if it names one.
    #[must_use]
    pub fn client_key(&self) -> Option<&PathBuf> {
        self.client_option()?.client_key.as_ref()
    }

    /// Whether a client can have a use for it; the others are the vault's owner's alone.
    #[must_use]
    pub fn takes_client_key(&self) -> bool {
        self.client_option().is_some()
    }

    fn client_option(&self) -> Option<&ClientOption> {
        let option = match self {
            Self::Run(options) => &options.client,
            Self::Set(options) => &options.client,
            Self::Get(options) => &options.client,
            Self::History(options) => &options.client,
            Self::Rollback(options) => &options.client,
            Self::Delete(options) => &options.client,
            Self::Rename(options) => &options.client,
            Self::List(options) => &options.client,
            Self::Import(options) => &options.client,
            Self::Export(options) => &options.client,
            Self::Check(options) => &options.client,
            Self::Explain(options) => &options.client,
            Self::Unlock(options) => &options.client,
            Self::Lock(options) => &options.client,
            Self::Status(options) => &options.client,
            Self::Doctor(options) => &options.client,
            _ => return None,
        };
        Some(option)
    }
}

/// Where a password comes from when one is needed.
#[derive(Debug, Clone, Default, Args)]
pub struct PasswordOptions {
    /// Read the password from a file, which may be /dev/fd/N; repeat as P=F for several profiles
    #[arg(long, value_name = "[PROFILE=]FILE")]
    pub password_file: Vec<OsString>,
    /// Never ask at the terminal
    #[arg(long)]
    pub no_prompt: bool,
}

/// Which profile, for commands that use one.
#[derive(Debug, Clone, Default, Args)]
pub struct ProfileOption {
    /// The profile, instead of PDS_PROFILE or `default`
    #[arg(short, long, value_name = "PROFILE")]
    pub profile: Option<TrustProfileName>,
}

/// Which manifest, for commands that use one.
#[derive(Debug, Clone, Default, Args)]
pub struct ManifestOptions {
    /// The manifest, instead of PDS_MANIFEST or the nearest pds.toml upward
    #[arg(short, long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The profile, instead of the manifest's; repeat for several, later ones winning
    #[arg(short, long, value_name = "PROFILE")]
    pub profile: Vec<TrustProfileName>,
}

/// `run`.
#[derive(Debug, Clone, Args)]
#[command(override_usage = "pds run [OPTIONS] [--] <CMD> [ARG]...")]
pub struct Run {
    #[allow(missing_docs)]
    #[command(flatten)]
    pub source: ManifestOptions,
    /// Set VAR from KEY, over what the manifest says
    #[arg(short, long, value_name = "VAR=KEY")]
    pub env: Vec<String>,
    /// Inherit only PATH, HOME, USER, LOGNAME, SHELL, TERM, LANG, LC_*, TZ and TMPDIR
    #[arg(long)]
    pub clean: bool,
    /// Show what each variable would be and from where, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

impl Run {
    /// `run -- CMD…`, the commonest form, of which there is nothing to be asked: clap would
    /// describe every option first. `None` for any other.
    fn without_options(arguments: &[OsString]) -> Option<Self> {
        let command = arguments.get(3..).filter(|command| !command.is_empty())?;
        (arguments[2] == "--").then(|| Self {
            source: ManifestOptions::default(),
            env: Vec::new(),
            clean: false,
            dry_run: false,
            password: PasswordOptions::default(),
            client: ClientOption::default(),
            command: command.to_vec(),
        })
    }
}

/// `allow`.
#[derive(Debug, Clone, Args)]
pub struct Allow {
    /// The manifest, instead of PDS_MANIFEST or the nearest pds.toml upward
    pub file: Option<PathBuf>,
    /// List the approved manifests instead
    #[arg(long, conflicts_with = "file")]
    pub list: bool,
    /// Print the list as a JSON array
    #[arg(long, requires = "list")]
    pub json: bool,
    /// The profile, instead of the manifest's; repeat for several
    #[arg(short, long, value_name = "PROFILE")]
    pub profile: Vec<TrustProfileName>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `disallow`.
#[derive(Debug, Clone, Args)]
pub struct Disallow {
    /// The manifest, instead of PDS_MANIFEST or the nearest pds.toml upward
    pub file: Option<PathBuf>,
    /// The profile, instead of the manifest's; repeat for several
    #[arg(short, long, value_name = "PROFILE")]
    pub profile: Vec<TrustProfileName>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `status`.
#[derive(Debug, Clone, Args)]
pub struct Status {
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
}

/// `daemon`.
#[derive(Debug, Clone, Args)]
pub struct Daemon {
    /// How long a value stays in memory, instead of PDS_SECRET_TTL or the config
    #[arg(long, value_name = "SECS")]
    pub ttl: Option<String>,
    /// How long an unused profile stays unlocked, instead of what the config says
    #[arg(long, value_name = "TIME")]
    pub idle: Option<String>,
    /// Start a daemon and return when it answers
    #[arg(long, hide = true)]
    pub background: bool,
    /// Be that daemon
    #[arg(long, hide = true)]
    pub detached: bool,
}

/// Reads a command line, its program name first.
///
/// `run` is used dozens of times an hour, and describing the other commands
/// would be a third of its time: it is read by its own description alone,
/// which is the same one.
///
/// # Errors
/// clap's, for wrong usage, and for help and version, which it has printed as an "error".
pub fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    if arguments.get(1).is_some_and(|name| name == "run") {
        if let Some(run) = Run::without_options(&arguments) {
            return Ok(Cli { command: Command::Run(run) });
        }
        let described = Run::augment_args(clap::Command::new("pds run"));
        let name = arguments.first().cloned().into_iter();
        let rest = name.chain(arguments.into_iter().skip(2));
        let matches = described
            .about("Run a command with the secrets that the manifest asks for")
            // Else the usage would name the program's file alone.
            .bin_name("pds run")
            .try_get_matches_from(rest)?;
        return Run::from_arg_matches(&matches).map(|run| Cli { command: Command::Run(run) });
    }
    let is_set = arguments.get(1).is_some_and(|name| name == "set");
    match Cli::try_parse_from(arguments) {
        Err(error) if is_set && error.kind() == ErrorKind::UnknownArgument => {
            let argument = error.get(ContextKind::InvalidArg);
            // An option that isn't one is named; anything else may be a value.
            let is_option = argument.is_some_and(|argument| argument.to_string().starts_with('-'));
            Err(if is_option { error } else { value_as_argument() })
        }
        Ok(Cli { command: Command::Set(set) }) if set.key.contains('=') => Err(value_as_argument()),
        read => read,
    }
}

/// A value was given where the shell's history and `ps` have it. It is not said a third time.
fn value_as_argument() -> clap::Error {
    let said = "`set` takes no value on the command line, where the shell's history keeps it";
    clap::Error::raw(ErrorKind::TooManyValues, said)
}

/// The command that a command line names, such as `pds audit show`.
#[must_use]
pub fn command_of(arguments: impl Iterator<Item = OsString>) -> String {
    let all = Cli::command();
    let (mut command, mut path) = (&all, vec![all.get_name()]);
    for word in arguments.skip(1) {
        let found = word.to_str().and_then(|word| command.find_subcommand(word));
        let Some(found) = found else { break };
        path.push(found.get_name());
        command = found;
    }
    path.join(" ")
}

/// Whether a command line asks for JSON. Looked for before it is read, so that a mistake in
/// it is told in the form that was asked for as well.
#[must_use]
pub fn asks_for_json(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json")
}

/// Reads the command line of `pds-daemon`, which is that of `pds daemon`.
///
/// # Errors
/// clap's.
pub fn parse_daemon(arguments: Vec<OsString>) -> Result<Daemon, clap::Error> {
    let described = Daemon::augment_args(clap::Command::new("pds-daemon"))
        .about("Serve secrets to pds; started by pds itself")
        .version(env!("CARGO_PKG_VERSION"));
    Daemon::from_arg_matches(&described.try_get_matches_from(arguments)?)
}

/// The description of the whole command line, for the tests that compare it with the manual.
#[must_use]
pub fn described() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_names_its_command_by_the_words_before_any_option() {
        let named = |line: &str| command_of(line.split(' ').map(OsString::from));
        for (line, command) in [
            ("pds", "pds"),
            ("/bin/pds audit show x", "pds audit show"),
            ("pds rm k", "pds delete"),
            ("pds set get", "pds set"),
            ("pds --x get", "pds"),
            ("pds frobnicate get", "pds"),
        ] {
            assert_eq!(named(line), command, "{line}");
        }
    }

    #[test]
    fn a_run_without_options_is_read_as_clap_reads_it() {
        for command in [&["true"][..], &["sh", "-c", "x"], &["--", "-p", "work"], &["-e", ""]] {
            let words = ["pds", "run", "--"].iter().chain(command).map(OsString::from);
            let arguments: Vec<_> = words.collect();
            let by_hand = Run::without_options(&arguments).unwrap();
            let Command::Run(by_clap) = Cli::try_parse_from(&arguments).unwrap().command else {
                panic!("not a run");
            };
            assert_eq!(format!("{by_hand:?}"), format!("{by_clap:?}"));
        }
        for other in [&["pds", "run", "--"][..], &["pds", "run", "true"], &["pds", "run"]] {
            let arguments: Vec<_> = other.iter().map(OsString::from).collect();
            assert!(Run::without_options(&arguments).is_none(), "{other:?}");
        }
    }
}
