//! `audit` and its commands.

use clap::{Args, Subcommand};

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

/// How an operation on the trail can have ended.
const OUTCOMES: [&str; 6] =
    ["granted", "denied", "failed", "ended", "ended-unwatched", "not-watched"];

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
    /// Only what ended so: granted, denied, failed, ended, ended-unwatched or not-watched
    #[arg(long, value_name = "OUTCOME", value_parser = OUTCOMES)]
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
