//! The options of `doctor`.

use clap::Args;

use super::ClientOption;

/// `doctor`.
#[derive(Debug, Clone, Args)]
pub struct Doctor {
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub client: ClientOption,
}
