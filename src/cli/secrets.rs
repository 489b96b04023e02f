//! The options of commands about single secrets.

use std::path::PathBuf;

use clap::Args;

use super::{ClientOption, PasswordOptions, ProfileOption};

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
    /// Make a random value: hex:N, base64:N, base64url:N, password:N or uuid; see pds(5)
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
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
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
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
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
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
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
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
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
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
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
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
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
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
}

/// `import`.
#[derive(Debug, Clone, Args)]
pub struct Import {
    /// The file, or - for standard input; with --from pass a folder or an entry of the store
    #[arg(required_unless_present_any = ["from", "from_env"])]
    pub file: Option<PathBuf>,
    /// What the file is; by its name if not given
    #[arg(long, value_name = "FORMAT", value_parser = ["env", "json", "yaml"])]
    pub format: Option<String>,
    /// Read the store of pass, which gpg decrypts, instead of a file
    #[arg(long, value_name = "STORE", value_parser = ["pass"], conflicts_with = "format")]
    pub from: Option<String>,
    /// Of each entry of the store only the first line
    #[arg(long, requires = "from")]
    pub first_line: bool,
    /// Take a variable of this environment, instead of a file; repeat for several
    #[arg(long, value_name = "VAR[=KEY]", conflicts_with_all = ["file", "from", "format"])]
    pub from_env: Vec<String>,
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
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
}
