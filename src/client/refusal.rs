//! What the daemon refuses, in words, with the very command that helps.

use crate::{
    say::{Told, escaped, table},
    wire::message::{Problem, Reason},
};

/// One thing that the daemon refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The profile it is about; empty if about none.
    pub profile: String,
    /// The key it is about; empty if about none.
    pub key: String,
    /// When to try again, in milliseconds from now.
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// A problem with what it is about, which the daemon does not repeat.
    #[must_use]
    pub fn new(problem: Problem, profile: &str, key: &str) -> Self {
        Self {
            reason: problem.reason,
            profile: profile.to_owned(),
            key: key.to_owned(),
            retry_after_ms: problem.retry_after_ms,
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> String {
        let (profile, key) = (escaped(&self.profile), escaped(&self.key));
        match self.reason {
            Reason::Locked | Reason::ProfileInactive if self.profile.is_empty() => {
                "every profile is locked".to_owned()
            }
            Reason::Locked | Reason::ProfileInactive => format!("profile `{profile}` is locked"),
            Reason::ProfileUnknown => format!("there is no vault for profile `{profile}`"),
            Reason::IdentityUnknown => "the daemon does not know this client's key".to_owned(),
            Reason::IdentityRevoked => "this client's key was revoked".to_owned(),
            Reason::RateLimited => "too many requests at once".to_owned(),
            Reason::AccessDenied if self.key.is_empty() => {
                format!("no rule grants this for profile `{profile}`")
            }
            Reason::AccessDenied => format!("no rule grants `{key}` in profile `{profile}`"),
            Reason::InvalidKey => format!("`{key}` can't be a key"),
            Reason::NotFound if self.key.is_empty() => "there is no such thing".to_owned(),
            Reason::NotFound => format!("there is no `{key}` in profile `{profile}`"),
            Reason::Exists if self.key.is_empty() => "one of the keys exists already".to_owned(),
            Reason::Exists => format!("`{key}` exists already in profile `{profile}`"),
            Reason::WrongPassword => format!("wrong password for profile `{profile}`"),
            Reason::TooSoon => "too many tries to unlock at once".to_owned(),
            Reason::VaultDamaged => format!("the vault of profile `{profile}` is damaged"),
            Reason::HeaderMissing => {
                format!("the vault of profile `{profile}` has lost its header")
            }
            Reason::DatabaseMissing => {
                format!("the vault of profile `{profile}` has lost its database")
            }
            Reason::OtherVault => {
                format!("the database of profile `{profile}` belongs to another vault")
            }
            Reason::VaultWentBack => {
                format!("the vault of profile `{profile}` is older than the one seen last")
            }
            Reason::VaultNewer => {
                format!("the vault of profile `{profile}` was made by a newer version of pds")
            }
            Reason::VaultUnsafe => format!(
                "a file of the vault of profile `{profile}` is a link, or open to other users"
            ),
            Reason::ValueTooLong => "a value has at most 1 MiB".to_owned(),
            Reason::DiskFull => "the disk is full".to_owned(),
            Reason::ReadOnly => format!("the vault of profile `{profile}` can't be written"),
            Reason::OutOfSecretMemory => "the daemon is out of locked memory".to_owned(),
            Reason::AuditUnavailable => {
                "the audit trail can't be written, so nothing is released".to_owned()
            }
            Reason::InvalidProfile => format!("`{profile}` can't be a profile's name"),
            Reason::Malformed => "the daemon does not understand this request".to_owned(),
            Reason::VaultExists => format!("profile `{profile}` has a vault already"),
            Reason::UnusablePassword => "a password has 1 to 4096 bytes".to_owned(),
            Reason::Internal => "the daemon failed".to_owned(),
            Reason::VaultUnreadable => {
                format!("the vault of profile `{profile}` can't be read")
            }
            Reason::NotApproved => "the manifest is not approved".to_owned(),
            Reason::BackupDamaged => {
                format!("the backup is damaged, or not one of profile `{profile}`")
            }
            Reason::TransferBroken => "the transfer was interrupted".to_owned(),
            Reason::TransferTooLong => "this is more than the daemon takes at once".to_owned(),
            Reason::CannotSwap => {
                "the file system can't swap two folders at once, so nothing was changed".to_owned()
            }
            Reason::InvalidClient => format!("`{key}` can't be a client's name"),
            Reason::ClientExists => format!("client `{key}` is enrolled already"),
            Reason::ClientUnknown => format!("there is no client `{key}`"),
            Reason::InvalidGrant => "one of the grants can't be one".to_owned(),
            Reason::TooManyClients => "there are as many clients as there may be".to_owned(),
            Reason::ClientUnwritable => {
                format!("the file or the socket of client `{key}` can't be written")
            }
            Reason::AuditUnreadable => "the audit trail can't be read".to_owned(),
            Reason::FieldEncryptionOff => {
                "this pds was built with field encryption, and the daemon without".to_owned()
            }
            Reason::FieldEncryptionNeeded => {
                "the daemon was built with field encryption, and this pds without".to_owned()
            }
            Reason::FieldForged => {
                format!("this user's IPC key for profile `{profile}` is not the daemon's")
            }
        }
    }

    /// What is wrong with its key, for a table; `None` if it is about no single key.
    #[must_use]
    pub fn state(&self) -> Option<String> {
        let state = match self.reason {
            _ if self.key.is_empty() => return None,
            Reason::NotFound => format!("not in `{}`", escaped(&self.profile)),
            Reason::AccessDenied => format!("not granted in `{}`", escaped(&self.profile)),
            Reason::InvalidKey => "can't be a key".to_owned(),
            Reason::Exists => format!("there already in `{}`", escaped(&self.profile)),
            _ => return None,
        };
        Some(state)
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let option = profile_option(&self.profile);
        let (profile, key) = (escaped(&self.profile), escaped(&self.key));
        let hint = match self.reason {
            Reason::Locked | Reason::ProfileInactive => format!("pds unlock{option}"),
            Reason::ProfileUnknown => format!("pds init{option}"),
            Reason::IdentityUnknown | Reason::IdentityRevoked => {
                "ask whoever owns the vault to enrol this client".to_owned()
            }
            Reason::RateLimited | Reason::TooSoon => match self.retry_after_ms {
                Some(wait) => format!("try again in {} s", wait.div_ceil(1000)),
                None => "try again".to_owned(),
            },
            // Who asks may be a client, whose own config grants nothing.
            Reason::AccessDenied => {
                format!("the vault's owner can grant it, in `[acl.{profile}]` of config.toml")
            }
            Reason::InvalidKey => {
                "a key is letters, digits, `_`, `.`, `-`, in segments joined by `/`".to_owned()
            }
            Reason::NotFound if !self.key.is_empty() => format!("pds set {key}{option}"),
            Reason::Exists => "choose another name, or replace it with `pds set`".to_owned(),
            Reason::VaultDamaged | Reason::HeaderMissing | Reason::DatabaseMissing => {
                format!(
                    "nothing was changed; if you have a backup: pds restore FILE --replace{option}"
                )
            }
            Reason::OtherVault => "put the right `vault.db` back beside the header".to_owned(),
            Reason::VaultWentBack => {
                format!(
                    "if you put an older copy back on purpose: pds unlock --accept-older{option}"
                )
            }
            Reason::VaultNewer => "use the newer version of pds".to_owned(),
            Reason::VaultUnsafe => {
                "its folder must have mode 0700, its files 0600, and be yours".to_owned()
            }
            Reason::DiskFull => "make room; what was stored before is intact".to_owned(),
            Reason::OutOfSecretMemory => {
                "raise RLIMIT_MEMLOCK (`ulimit -l`) for the daemon, then `pds stop`".to_owned()
            }
            Reason::AuditUnavailable => "make room where the audit trail is".to_owned(),
            Reason::VaultExists => format!("pds unlock{option}"),
            Reason::Internal
            | Reason::VaultUnreadable
            | Reason::ReadOnly
            | Reason::ClientUnwritable
            | Reason::AuditUnreadable => "the daemon's log says more".to_owned(),
            Reason::Malformed => "pds stop, and try again".to_owned(),
            Reason::NotApproved => "pds allow".to_owned(),
            Reason::InvalidClient => "1 to 32 letters, digits, `_` and `-`".to_owned(),
            Reason::ClientExists => format!("pds client revoke {key}"),
            Reason::ClientUnknown => "pds client list".to_owned(),
            Reason::InvalidGrant => "such as --grant 'work:db/*:get,list'".to_owned(),
            Reason::BackupDamaged => "try an earlier backup; nothing was changed".to_owned(),
            Reason::TransferBroken => "try again; nothing was changed".to_owned(),
            Reason::TransferTooLong => "split it; nothing was changed".to_owned(),
            Reason::CannotSwap => "keep the vaults on a local file system".to_owned(),
            Reason::FieldEncryptionOff | Reason::FieldEncryptionNeeded => {
                "use the two files of one build; pds stop, which locks, ends this daemon".to_owned()
            }
            Reason::FieldForged => format!("pds unlock{option}"),
            _ => return None,
        };
        Some(hint)
    }

    /// What to do about its key, in a table.
    fn remedy(&self) -> String {
        match self.reason {
            Reason::AccessDenied => "the vault's owner can grant it".to_owned(),
            Reason::InvalidKey | Reason::Exists => "choose another name".to_owned(),
            _ => self.hint().unwrap_or_default(),
        }
    }

    /// The exit status of a command, other than `run`, that ends with it.
    #[must_use]
    pub fn exit_status(&self) -> i32 {
        match self.reason {
            Reason::Locked | Reason::ProfileInactive => 3,
            Reason::NotFound | Reason::ProfileUnknown | Reason::ClientUnknown => 4,
            Reason::IdentityUnknown
            | Reason::IdentityRevoked
            | Reason::RateLimited
            | Reason::AccessDenied
            | Reason::NotApproved => 5,
            _ => 1,
        }
    }
}

/// Everything that was refused: several keys in one table, with the state of each and the
/// very command that helps; the rest one by one, before it.
#[must_use]
pub(super) fn told(refusals: &[Refusal]) -> Vec<Told> {
    // Two variables may ask for one key.
    let mut seen: Vec<&Refusal> = Vec::new();
    for refusal in refusals {
        if !seen.contains(&refusal) {
            seen.push(refusal);
        }
    }
    let (keys, others): (Vec<&Refusal>, Vec<_>) =
        seen.into_iter().partition(|refusal| refusal.state().is_some());
    let one = |refusal: &Refusal| Told::new(refusal.message(), refusal.hint());
    let mut told: Vec<_> = others.into_iter().map(one).collect();
    if let [only] = keys.as_slice() {
        told.push(one(only));
    } else if !keys.is_empty() {
        let row = |refusal: &&Refusal| {
            let key = format!("`{}`", escaped(&refusal.key));
            [key, refusal.state().unwrap_or_default(), refusal.remedy()]
        };
        let rows: Vec<_> = keys.iter().map(row).collect();
        told.push(Told::new(table(format_args!("{} keys can't be had:", keys.len()), &rows), None));
    }
    told
}

/// `-p PROFILE`, unless it is the one that is meant without.
#[must_use]
pub fn profile_option(profile: &str) -> String {
    match profile {
        "" | DEFAULT_PROFILE => String::new(),
        other => format!(" -p {}", shell_words::quote(&escaped(other).to_string())),
    }
}

/// The profile where nothing names one.
pub const DEFAULT_PROFILE: &str = "default";
