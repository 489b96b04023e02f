//! Every command, flag and word of help. Data, no behaviour.
#![forbid(unsafe_code)]

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

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
    /// Store what a .env or JSON file holds
    Import(Import),
    /// Change a profile's password: everything is encrypted anew
    Passwd(Passwd),
    /// Write a profile's vault, encrypted as it is, to one file
    Backup(Backup),
    /// Put a vault back from a backup
    Restore(Restore),
    /// Tell whether `run` would start: every problem at once, no value
    Check(Check),
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
    /// Show or check the record of every decision about a secret
    Audit(Audit),
    /// Run the daemon in the foreground
    Daemon(Daemon),
    /// Lock everything and stop the daemon
    Stop,
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
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// `init`.
#[derive(Debug, Clone, Args)]
pub struct Init {
    #[allow(missing_docs)]
    #[command(flatten)]
    pub profile: ProfileOption,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `set`.
#[derive(Debug, Clone, Args)]
pub struct Set {
    /// The key, such as db/password
    pub key: String,
    /// Read the value from standard input, every byte of it
    #[arg(long, conflicts_with_all = ["from_file", "generate"])]
    pub stdin: bool,
    /// Read the value from a file, every byte of it
    #[arg(long, value_name = "FILE", conflicts_with = "generate")]
    pub from_file: Option<PathBuf>,
    /// Make a random value: hex:N, base64:N or base64url:N, of N random bytes
    #[arg(long, value_name = "FORM", num_args = 0..=1, default_missing_value = "hex:32", require_equals = true)]
    pub generate: Option<String>,
    /// When it should be replaced: in 90d, 12w or 36h, or from a day on, YYYY-MM-DD (UTC)
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<String>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub profile: ProfileOption,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `get`.
#[derive(Debug, Clone, Args)]
pub struct Get {
    /// The key
    pub key: String,
    /// An older version, as `history` numbers them
    #[arg(long, value_name = "N")]
    pub version: Option<u32>,
    /// Print a JSON object instead; a value that is not UTF-8 comes as base64
    #[arg(long)]
    pub json: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub profile: ProfileOption,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `history`.
#[derive(Debug, Clone, Args)]
pub struct History {
    /// The key
    pub key: String,
    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub profile: ProfileOption,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `rollback`.
#[derive(Debug, Clone, Args)]
pub struct Rollback {
    /// The key
    pub key: String,
    /// The version, as `history` numbers them
    #[arg(long, value_name = "N")]
    pub to: u32,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub profile: ProfileOption,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `passwd`.
#[derive(Debug, Clone, Args)]
pub struct Passwd {
    /// Read the new password from a file, instead of asking for it twice
    #[arg(long, value_name = "FILE")]
    pub new_password_file: Option<PathBuf>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub profile: ProfileOption,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `backup`.
#[derive(Debug, Clone, Args)]
pub struct Backup {
    /// The file to write, where nothing may be
    pub file: PathBuf,
    /// Print the names of the secrets in it
    #[arg(long)]
    pub list: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub profile: ProfileOption,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `restore`.
#[derive(Debug, Clone, Args)]
pub struct Restore {
    /// The file that `backup` wrote
    pub file: PathBuf,
    /// Put it in the place of a vault that is there, which is removed
    #[arg(long)]
    pub replace: bool,
    /// Print the names of the secrets in it
    #[arg(long)]
    pub list: bool,
    /// The profile, which must be the backup's own
    #[arg(short, long, value_name = "PROFILE")]
    pub profile: Option<TrustProfileName>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `delete`.
#[derive(Debug, Clone, Args)]
pub struct Delete {
    /// The key
    pub key: String,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub profile: ProfileOption,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `rename`.
#[derive(Debug, Clone, Args)]
pub struct Rename {
    /// The key as it is
    pub from: String,
    /// The name it gets
    pub to: String,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub profile: ProfileOption,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `list`.
#[derive(Debug, Clone, Args)]
pub struct List {
    /// Print a JSON array, with versions and times
    #[arg(long)]
    pub json: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub profile: ProfileOption,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `import`.
#[derive(Debug, Clone, Args)]
pub struct Import {
    /// The file, or - for standard input
    pub file: PathBuf,
    /// What the file is; by its name if not given
    #[arg(long, value_name = "FORMAT", value_parser = ["env", "json"])]
    pub format: Option<String>,
    /// Store each name as PREFIX/NAME
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// Replace keys that exist
    #[arg(long)]
    pub overwrite: bool,
    /// Show what would be stored, and store nothing
    #[arg(long)]
    pub dry_run: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub profile: ProfileOption,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    #[allow(missing_docs)]
    #[command(flatten)]
    pub source: ManifestOptions,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}

/// `allow`.
#[derive(Debug, Clone, Args)]
pub struct Allow {
    /// The manifest, instead of PDS_MANIFEST or the nearest pds.toml upward
    pub file: Option<PathBuf>,
    /// List the approved manifests instead
    #[arg(long, conflicts_with = "file")]
    pub list: bool,
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

/// `unlock`.
#[derive(Debug, Clone, Args)]
pub struct Unlock {
    /// Take a vault that is older than the one seen last
    #[arg(long)]
    pub accept_older: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub profile: ProfileOption,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
}

/// `lock`.
#[derive(Debug, Clone, Args)]
pub struct Lock {
    /// Lock only this profile
    #[arg(short, long, value_name = "PROFILE")]
    pub profile: Option<TrustProfileName>,
}

/// `status`.
#[derive(Debug, Clone, Args)]
pub struct Status {
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}

/// `audit`.
#[derive(Debug, Clone, Args)]
pub struct Audit {
    #[allow(missing_docs)]
    #[command(subcommand)]
    pub command: Option<AuditCommand>,
}

/// The commands of `audit`.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// Show what is on record
    Show(AuditShow),
    /// Show what comes on record from now on, until Ctrl-C
    Follow(AuditFollow),
    /// Check that nothing on record was altered, taken out or put in
    Verify(AuditVerify),
}

/// Which lines of the trail.
#[derive(Debug, Clone, Default, Args)]
pub struct AuditFilter {
    /// Only what is about this key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Only what this requester asked for
    #[arg(long, value_name = "NAME")]
    pub client: Option<String>,
    /// Only what was for this project
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<String>,
    /// Only what ended so: granted, denied, failed, ended or not-watched
    #[arg(long, value_name = "OUTCOME")]
    pub outcome: Option<String>,
    /// Print the lines as they are: JSON
    #[arg(long)]
    pub json: bool,
}

/// `audit show`.
#[derive(Debug, Clone, Default, Args)]
pub struct AuditShow {
    #[allow(missing_docs)]
    #[command(flatten)]
    pub filter: AuditFilter,
    /// Only from this time on: 2026-01-31, 2026-01-31T12:00:00Z, or 8h for that long ago
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only up to this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Show the runs that hold secrets now instead
    #[arg(long, conflicts_with_all = ["since", "until", "outcome"])]
    pub running: bool,
}

/// `audit follow`.
#[derive(Debug, Clone, Default, Args)]
pub struct AuditFollow {
    #[allow(missing_docs)]
    #[command(flatten)]
    pub filter: AuditFilter,
}

/// `audit verify`.
#[derive(Debug, Clone, Args)]
pub struct AuditVerify {
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
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
        let described = Run::augment_args(clap::Command::new("pds run"));
        let name = arguments.first().cloned().into_iter();
        let rest = name.chain(arguments.into_iter().skip(2));
        let matches = described
            .about("Run a command with the secrets that the manifest asks for")
            .try_get_matches_from(rest)?;
        return Run::from_arg_matches(&matches).map(|run| Cli { command: Command::Run(run) });
    }
    Cli::try_parse_from(arguments)
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
