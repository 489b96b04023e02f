//! The options of `export`.

use std::path::PathBuf;

use clap::Args;

use super::{ClientOption, PasswordOptions};
use crate::secret::TrustProfileName;

/// `export`.
#[derive(Debug, Clone, Args)]
pub struct Export {
    /// Keys, in which * stands for any characters; none for what the manifest asks for
    #[arg(value_name = "[VAR=]KEY")]
    pub keys: Vec<String>,
    /// Who is going to read it
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "env",
        value_parser = ["env", "shell", "fish", "json", "yaml", "docker", "k8s", "github"]
    )]
    pub format: String,
    /// The manifest, instead of PDS_MANIFEST or the nearest pds.toml upward
    #[arg(short, long, value_name = "FILE", conflicts_with = "keys")]
    pub manifest: Option<PathBuf>,
    /// Write a file that only you can read, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file that --output names
    #[arg(long, requires = "output")]
    pub force: bool,
    /// The name of the Kubernetes Secret
    #[arg(long, value_name = "NAME", default_value = "pds")]
    pub name: String,
    /// Show the values at a terminal without asking
    #[arg(long)]
    pub yes: bool,
    /// The profile, instead of the manifest's; repeat for several, later ones winning
    #[arg(short, long, value_name = "PROFILE")]
    pub profile: Vec<TrustProfileName>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub password: PasswordOptions,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
}
