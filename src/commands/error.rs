//! Why a command other than `run` failed. `told` has what to do about it.

use std::{io, path::PathBuf};

use super::{
    backup::NotABackup,
    credential,
    export::ExportError,
    import::{InvalidFile, NotAKey, PassError},
};
use crate::{
    run,
    say::{Told, escaped},
    secret::{InvalidKey, OutOfSecretMemory, TrustProfileName},
    sys::terminal::PromptError,
};

/// Why a command other than `run` failed by itself.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A name that can't be a key.
    #[error("`{}` can't be a key: {reason}", escaped(key))]
    NotAKey {
        /// The name.
        key: String,
        /// The rule that it breaks.
        reason: InvalidKey,
    },
    /// No such key, where storing one would not help.
    #[error("there is no `{}` in profile `{profile}`", escaped(key))]
    NoKey {
        /// The key.
        key: String,
        /// Where it is not.
        profile: String,
    },
    /// A value over 1 MiB.
    #[error("a value has at most 1 MiB")]
    ValueTooLong,
    /// There is no terminal to ask for the value at.
    #[error("there is no terminal to ask for the value at")]
    NoValue,
    /// There is one, and no value came from it.
    #[error(transparent)]
    Unanswered(PromptError),
    /// Two answers that should be the same are not.
    #[error("the two values are not the same")]
    Mismatch,
    /// `--generate` with a form that is none.
    #[error("{0}")]
    Generate(run::manifest::InvalidGenerate),
    /// A file can't be read or written.
    #[error("can't use `{}`: {error}", escaped(&path.to_string_lossy()))]
    File {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// A file to import is longer than any that is read.
    #[error("`{}` is longer than {} MiB", escaped(&path.to_string_lossy()), max_bytes >> 20)]
    FileTooLong {
        /// Which.
        path: PathBuf,
        /// How long it may be.
        max_bytes: usize,
    },
    /// Something is where a file was to be written.
    #[error("`{}` exists already", escaped(&.0.to_string_lossy()))]
    FileExists(PathBuf),
    /// A client has asked for what no rule can grant.
    #[error("this is for the vault's owner alone, and not for an enrolled client")]
    OwnersAlone,
    /// What is there is no file that another could take the place of.
    #[error("`{}` is {what}, which no file replaces", escaped(&path.to_string_lossy()))]
    NotReplaced {
        /// Which.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// A backup to or from a stream.
    #[error("a backup is a file that is read back, and no stream")]
    NoStream,
    /// A file is no backup that can be used.
    #[error("`{}` {problem}", escaped(&path.to_string_lossy()))]
    NotABackup {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: NotABackup,
    },
    /// A vault is where one was to be restored.
    #[error("profile `{0}` has a vault already")]
    VaultExists(TrustProfileName),
    /// A version that never was, or is not kept any more.
    #[error("there is no version {version} of `{}`", escaped(key))]
    NoVersion {
        /// Of which key.
        key: String,
        /// Its number.
        version: u32,
    },
    /// A backup of another profile than the one that was named.
    #[error("this is a backup of profile `{backup}`, not of `{named}`")]
    OtherProfile {
        /// Whose it is.
        backup: TrustProfileName,
        /// Who was named.
        named: TrustProfileName,
    },
    /// A name that can't be a client's.
    #[error("`{}` can't be a client's name", escaped(.0))]
    NotAClient(String),
    /// `--grant` with something that is none.
    #[error("`--grant`: `{}` is not of the form PROFILE:KEYS:OPERATIONS", escaped(.0))]
    NotAGrant(String),
    /// `--expires` with something that is no time.
    #[error("`--expires`: {0}")]
    NoExpiry(&'static str),
    /// What git sent can't be read.
    #[error(transparent)]
    NotACredential(credential::NotACredential),
    /// A credential that is stored can't be given to git, whose form is lines.
    #[error("`{key}` holds a NUL or a line break, which git can't take")]
    UnfitCredential {
        /// Its key.
        key: String,
        /// Where it is.
        profile: TrustProfileName,
    },
    /// Standard output can't be written.
    #[error("can't write to standard output: {0}")]
    Output(io::Error),
    /// What a file holds has no known form.
    #[error("can't tell what `{0}` is")]
    UnknownFormat(String),
    /// A file to import has a mistake.
    #[error(transparent)]
    InvalidFile(#[from] InvalidFile),
    /// A store of pass(1) can't be read.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// Variables that are to be imported and are not set.
    #[error("some variables are not set")]
    NotSet(Vec<String>),
    /// Names in a file that can't be keys.
    #[error("some names can't be keys")]
    NotKeys(Vec<NotAKey>),
    /// Keys that exist, while replacing was not asked for.
    #[error("some keys exist already")]
    WouldOverwrite(Vec<String>),
    /// Keys that a `.env` would go to hold something else.
    #[error("some keys have other values already")]
    OtherValues(Vec<String>),
    /// A value that was stored does not come back as it was.
    #[error("what was stored for `{0}` is not what the file has")]
    ReadBack(String),
    /// `run` would not start; everything that is in the way.
    #[error("`run` would not start")]
    WouldNotStart {
        /// All of it.
        told: Vec<Told>,
        /// The exit status that goes with it.
        status: i32,
    },
    /// No variable of that name.
    #[error("nothing here sets `{}`", escaped(name))]
    NoVariable {
        /// The name.
        name: String,
        /// The nearest right name.
        nearest: Option<String>,
    },
    /// It was said already.
    #[error("no")]
    Said {
        /// The exit status that goes with it.
        status: i32,
    },
    /// A time is not one.
    #[error("`{option}`: expected a time such as `2026-01-31`, `2026-01-31T12:00:00Z` or `8h`")]
    NotATime {
        /// The option.
        option: &'static str,
    },
    /// The audit trail is not as the daemon wrote it; what was found was said.
    #[error("the audit trail is not as it was written")]
    TrailAltered,
    /// Parts of the audit trail can only be checked with other profiles unlocked.
    #[error("parts of the audit trail were not checked")]
    TrailNotChecked {
        /// A profile that can open them.
        profile: String,
    },
    /// What can't be exported, or not there.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// There is no memory for the value.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
}
