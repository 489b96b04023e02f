//! The options of `client` and its commands, and the option to be one.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// As whom to ask, for commands that an enrolled client has a use for.
#[derive(Debug, Clone, Default, Args)]
pub struct ClientOption {
    /// Ask as the enrolled client whose key this is, instead of PDS_CLIENT_KEY
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
}

/// `client`.
#[derive(Debug, Clone, Args)]
pub struct Client {
    #[allow(missing_docs)]
    #[command(subcommand)]
    pub command: ClientCommand,
}

/// The commands of `client`.
#[derive(Debug, Clone, Subcommand)]
pub enum ClientCommand {
    /// Make a key, a socket and rights of its own for an agent, a container or a CI job
    Add(ClientAdd),
    /// Show who is enrolled, and what each may do
    List(ClientList),
    /// Take a client's rights, at once
    Revoke(ClientRevoke),
}

/// The number above it means "no user" to the kernel.
const UID_MAX: i64 = u32::MAX as i64 - 1;

/// `client add`.
#[derive(Debug, Clone, Args)]
pub struct ClientAdd {
    /// Its name: 1 to 32 letters, digits, `_` and `-`
    pub name: String,
    /// What it may do, such as 'work:db/*:get,list'; repeat for more
    #[arg(long, value_name = "PROFILE:KEYS:OPERATIONS")]
    pub grant: Vec<String>,
    /// The user id that may use it, instead of your own
    #[arg(long, value_name = "UID", value_parser = clap::value_parser!(u32).range(..=UID_MAX))]
    pub uid: Option<u32>,
    /// Where its key goes, instead of NAME.key in this folder
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// `client list`.
#[derive(Debug, Clone, Args)]
pub struct ClientList {
    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
}

/// `client revoke`.
#[derive(Debug, Clone, Args)]
pub struct ClientRevoke {
    /// Its name
    pub name: String,
}
