//! The options of `doctor`.

use clap::Args;

/// `doctor`.
#[derive(Debug, Clone, Args)]
pub struct Doctor {
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}
