//! The options of commands that look and change nothing.

use clap::Args;

use super::{ClientOption, ManifestOptions};

/// `check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    #[allow(missing_docs)]
    #[command(flatten)]
    pub source: ManifestOptions,
    /// Look at the manifest alone: no daemon and no vault is asked
    #[arg(long)]
    pub no_values: bool,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
}

/// `explain`.
#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// The variable; all that the manifest sets if it is left out
    pub variable: Option<String>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub source: ManifestOptions,
    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
}
