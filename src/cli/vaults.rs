//! The options of commands about a whole vault.

use std::path::PathBuf;

use clap::Args;

use super::{ClientOption, PasswordOptions, ProfileOption};
use crate::secret::TrustProfileName;

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
    /// Print the names of the secrets that it holds as well
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
    /// Print the names of the secrets that were restored as well
    #[arg(long)]
    pub list: bool,
    /// The profile, which must be the backup's own
    #[arg(short, long, value_name = "PROFILE")]
    pub profile: Option<TrustProfileName>,
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
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
}

/// `lock`.
#[derive(Debug, Clone, Args)]
pub struct Lock {
    /// Lock only this profile
    #[arg(short, long, value_name = "PROFILE")]
    pub profile: Option<TrustProfileName>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
}
