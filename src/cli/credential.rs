//! The command line of `git-credential-pds`, which is this program by another name.

use std::ffi::OsString;

use clap::{Parser, ValueEnum};

use super::{ClientOption, PasswordOptions, ProfileOption};

/// By this name git calls the helper `pds` (gitcredentials(7)).
pub const CREDENTIAL_PROGRAM: &str = "git-credential-pds";

/// Give git the password of an HTTP server out of a vault, and keep what it was given.
#[derive(Debug, Clone, Parser)]
#[command(name = CREDENTIAL_PROGRAM, version, about)]
pub struct Credential {
    /// What git wants of it
    pub action: CredentialAction,
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

/// What git wants of a credential helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CredentialAction {
    /// The credential of a server
    Get,
    /// Keep a credential that has worked
    Store,
    /// Forget a credential that was refused
    Erase,
}

/// Whether this program was called by git's name for it.
#[must_use]
pub fn is_credential_helper(arguments: &[OsString]) -> bool {
    let name = arguments.first().map(std::path::Path::new).and_then(std::path::Path::file_name);
    name.is_some_and(|name| name == CREDENTIAL_PROGRAM)
}

/// Reads the command line of [`CREDENTIAL_PROGRAM`].
///
/// # Errors
/// clap's.
pub fn parse_credential(arguments: Vec<OsString>) -> Result<Credential, clap::Error> {
    Credential::try_parse_from(arguments)
}
