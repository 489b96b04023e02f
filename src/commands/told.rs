//! What a command's own failure is said to be, what to do about it, and its exit status.

use super::{CommandError, import::NotAKey};
use crate::{
    client::profile_option,
    say::{Told, escaped},
    secret::LAUNCHER,
};

impl CommandError {
    /// Everything that there is to say about it.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        match self {
            Self::NotKeys(all) => all.iter().map(NotAKey::told).collect(),
            Self::WouldOverwrite(keys) => {
                let state = "exists already";
                of_each(keys, "keys would be replaced", state, "--overwrite replaces what exists")
            }
            Self::OtherValues(keys) => {
                let state = "has another value already";
                let own = "use a profile for this project alone: pds init -p PROFILE";
                of_each(keys, "keys can't be stored", state, own)
            }
            Self::NotSet(all) => of_each(all, "variables can't be imported", "is not set", ""),
            Self::WouldNotStart { told, .. } => told.clone(),
            Self::Export(error) => error.told(),
            Self::Said { .. } => Vec::new(),
            _ => vec![Told::new(self, self.hint())],
        }
    }

    /// The stable word for it in `--json`; none for what has shown its findings itself.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        let code = match self {
            Self::Said { .. } | Self::WouldNotStart { .. } => return None,
            Self::NotAKey { .. } | Self::NotKeys(_) => "invalid-key",
            Self::NoKey { .. } => "not-found",
            Self::ValueTooLong => "value-too-long",
            Self::NoValue => "no-terminal",
            Self::Unanswered(_) => "no-answer",
            Self::OwnersAlone => "access-denied",
            Self::Mismatch => "mismatch",
            Self::Generate(_)
            | Self::OtherProfile { .. }
            | Self::NoExpiry(_)
            | Self::UnknownFormat(_)
            | Self::NoStream
            | Self::NotATime { .. } => "usage",
            Self::File { .. } => "file-unusable",
            Self::FileTooLong { .. } => "file-too-long",
            Self::FileExists(_) => "file-exists",
            Self::NotReplaced { .. } => "file-unusable",
            Self::NotABackup { .. } => "not-a-backup",
            Self::VaultExists(_) => "vault-exists",
            Self::NoVersion { .. } => "no-version",
            Self::NotAClient(_) => "invalid-client",
            Self::NotAGrant(_) => "invalid-grant",
            Self::NotACredential(_) => "not-a-credential",
            Self::UnfitCredential { .. } => "value-unfit",
            Self::Output(_) => "output",
            Self::InvalidFile(_) => "file-invalid",
            Self::Pass(_) => "pass",
            Self::NotSet(_) => "variable-not-set",
            Self::WouldOverwrite(_) | Self::OtherValues(_) => "exists",
            Self::ReadBack(_) => "not-read-back",
            Self::NoVariable { .. } => "no-variable",
            Self::TrailAltered => "trail-altered",
            Self::TrailNotChecked { .. } => "trail-not-checked",
            Self::Export(error) => error.code(),
            Self::OutOfSecretMemory(_) => "out-of-secret-memory",
        };
        Some(code)
    }

    /// The line and the column that it is about, if it is about a place in a file.
    #[must_use]
    pub fn place(&self) -> Option<(usize, usize)> {
        match self {
            Self::InvalidFile(error) => Some(error.place()),
            _ => None,
        }
    }

    /// What to do about it, where it is one thing.
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoVariable { nearest, .. } => {
                return nearest.as_ref().map(|name| format!("did you mean `{name}`?"));
            }
            Self::NoVersion { key, .. } => return Some(format!("pds history {}", escaped(key))),
            Self::NoKey { profile, .. } => {
                return Some(format!("pds list{}", profile_option(profile)));
            }
            Self::UnfitCredential { key, profile } => {
                return Some(format!("pds set {key}{}", profile_option(profile)));
            }
            Self::TrailNotChecked { profile } => {
                let option = profile_option(profile);
                return Some(format!("pds unlock{option}, and try again"));
            }
            Self::InvalidFile(error) => error.hint()?,
            Self::Pass(error) => error.hint()?,
            Self::NoValue => "use --stdin, --from-file FILE or --generate",
            Self::ReadBack(_) => "the file is left as it is; pds check",
            Self::UnknownFormat(_) => "say which: --format env",
            Self::OutOfSecretMemory(_) => "raise RLIMIT_MEMLOCK (`ulimit -l`)",
            Self::FileTooLong { .. } => "split it into several",
            Self::FileExists(_) => "choose another name, or remove it",
            Self::NotReplaced { instead, .. } => instead,
            Self::NoStream => "give it a name; `./-` is a file too",
            Self::NotABackup { .. } => "try an earlier backup; nothing was changed",
            Self::VaultExists(_) => "--replace puts the backup in its place",
            Self::OtherProfile { .. } => "leave `-p` out",
            Self::OwnersAlone => "unset PDS_CLIENT_KEY if the vault is yours",
            Self::NotAClient(name) if name == LAUNCHER => {
                "choose another; it is what pds itself goes by"
            }
            Self::NotAClient(_) => "1 to 32 letters, digits, `_` and `-`",
            Self::NotAGrant(_) => "such as --grant 'work:db/*:get,list'",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// The exit status.
    #[must_use]
    pub fn exit_status(&self) -> i32 {
        match self {
            Self::Export(error) => error.exit_status(),
            Self::WouldNotStart { status, .. } | Self::Said { status } => *status,
            Self::NoKey { .. } | Self::NoVersion { .. } | Self::NoVariable { .. } => 4,
            Self::NotAKey { .. }
            | Self::NotAClient(_)
            | Self::NotAGrant(_)
            | Self::Generate(_)
            | Self::UnknownFormat(_)
            | Self::OtherProfile { .. }
            | Self::NoExpiry(_)
            | Self::NoStream
            | Self::NotATime { .. } => 2,
            Self::TrailNotChecked { .. } => 3,
            Self::OwnersAlone => 5,
            _ => 1,
        }
    }
}

/// The same of each name, and what to do about it.
fn of_each(names: &[String], title: &'static str, state: &str, hint: &str) -> Vec<Told> {
    let told = |name: &String| {
        let name = format!("`{}`", escaped(name));
        let hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        let told = Told::new(format!("{name} {state}"), hint);
        told.in_table(title, [name, state.to_owned(), String::new()])
    };
    names.iter().map(told).collect()
}
