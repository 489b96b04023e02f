//! The words for each reason. `{profile}`, `{key}` and `{option}` are filled in.

use crate::wire::message::Reason::{self, *};

/// What is wrong.
pub(super) fn message(reason: Reason) -> &'static str {
    match reason {
        Locked | ProfileInactive => "profile `{profile}` is locked",
        ProfileUnknown => "there is no vault for profile `{profile}`",
        IdentityUnknown => "the daemon does not know this client's key",
        IdentityRevoked => "this client's key was revoked",
        RateLimited => "too many requests at once",
        AccessDenied => "no rule grants `{key}` in profile `{profile}`",
        InvalidKey => "`{key}` can't be a key",
        NotFound => "there is no `{key}` in profile `{profile}`",
        Exists => "`{key}` exists already in profile `{profile}`",
        WrongPassword => "wrong password for profile `{profile}`",
        TooSoon => "too many tries to unlock at once",
        VaultDamaged => "the vault of profile `{profile}` is damaged",
        HeaderMissing => "the vault of profile `{profile}` has lost its header",
        DatabaseMissing => "the vault of profile `{profile}` has lost its database",
        OtherVault => "the database of profile `{profile}` belongs to another vault",
        VaultWentBack => "the vault of profile `{profile}` is older than the one seen last",
        VaultNewer => "the vault of profile `{profile}` was made by a newer version of pds",
        VaultUnsafe => {
            "a file of the vault of profile `{profile}` is a link, or open to other users"
        }
        ValueTooLong => "a value has at most 1 MiB",
        DiskFull => "the disk is full",
        ReadOnly => "the vault of profile `{profile}` can't be written",
        OutOfSecretMemory => "the daemon is out of locked memory",
        AuditUnavailable => "the audit trail can't be written, so nothing is released",
        InvalidProfile => "`{profile}` can't be a profile's name",
        Malformed => "the daemon does not understand this request",
        VaultExists => "profile `{profile}` has a vault already",
        UnusablePassword => "a password has 1 to 4096 bytes",
        Internal => "the daemon failed",
        VaultUnreadable => "the vault of profile `{profile}` can't be read",
        NotApproved => "the manifest is not approved",
        BackupDamaged => "the backup is damaged, or not one of profile `{profile}`",
        TransferBroken => "the transfer was interrupted",
        TransferTooLong => "this is more than the daemon takes at once",
        CannotSwap => "the file system can't swap two folders at once, so nothing was changed",
        InvalidClient => "`{key}` can't be a client's name",
        ClientExists => "client `{key}` is enrolled already",
        ClientUnknown => "there is no client `{key}`",
        InvalidGrant => "one of the grants can't be one",
        TooManyClients => "there are as many clients as there may be",
        ClientUnwritable => "the file or the socket of client `{key}` can't be written",
        AuditUnreadable => "the audit trail can't be read",
        FieldEncryptionOff => "this pds was built with field encryption, and the daemon without",
        FieldEncryptionNeeded => "the daemon was built with field encryption, and this pds without",
        FieldForged => "this user's IPC key for profile `{profile}` is not the daemon's",
    }
}

/// What is wrong, where it is about no key or no profile and that is told in other words.
pub(super) fn message_about_none(reason: Reason, profile: &str, key: &str) -> Option<&'static str> {
    match reason {
        Locked | ProfileInactive if profile.is_empty() => Some("every profile is locked"),
        AccessDenied if key.is_empty() && profile.is_empty() => Some("no rule grants this"),
        AccessDenied if key.is_empty() => Some("no rule grants this for profile `{profile}`"),
        NotFound if key.is_empty() => Some("there is no such thing"),
        Exists if key.is_empty() => Some("one of the keys exists already"),
        _ => None,
    }
}

/// What to do about it, if anything. `{wait}` is when to try again.
pub(super) fn hint(reason: Reason, profile: &str, key: &str) -> Option<&'static str> {
    let hint = match reason {
        Locked | ProfileInactive | VaultExists | FieldForged => "pds unlock{option}",
        ProfileUnknown => "pds init{option}",
        IdentityUnknown | IdentityRevoked => "ask whoever owns the vault to enrol this client",
        RateLimited | TooSoon => "try again{wait}",
        // Who asks may be a client, whose own config grants nothing.
        AccessDenied if profile.is_empty() => "`[acl]` of the owner's config.toml says who may",
        AccessDenied => "the vault's owner can grant it, in `[acl.{profile}]` of config.toml",
        InvalidKey => "a key is letters, digits, `_`, `.`, `-`, in segments joined by `/`",
        NotFound if key.is_empty() => return None,
        NotFound => "pds set {key}{option}",
        Exists => "choose another name, or replace it with `pds set`",
        VaultDamaged | HeaderMissing | DatabaseMissing => {
            "nothing was changed; if you have a backup: pds restore FILE --replace{option}"
        }
        OtherVault => "put the right `vault.db` back beside the header",
        VaultWentBack => {
            "if you put an older copy back on purpose: pds unlock --accept-older{option}"
        }
        VaultNewer => "use the newer version of pds",
        VaultUnsafe => "its folder must have mode 0700, its files 0600, and be yours",
        DiskFull => "make room; what was stored before is intact",
        OutOfSecretMemory => "raise RLIMIT_MEMLOCK (`ulimit -l`) for the daemon, then `pds stop`",
        AuditUnavailable => "make room where the audit trail is",
        Internal | VaultUnreadable | ReadOnly | ClientUnwritable | AuditUnreadable => {
            "the daemon's log says more"
        }
        Malformed => "pds stop, and try again",
        NotApproved => "pds allow",
        InvalidClient => "1 to 32 letters, digits, `_` and `-`",
        ClientExists => "pds client revoke {key}",
        ClientUnknown => "pds client list",
        InvalidGrant => "such as --grant 'work:db/*:get,list'",
        BackupDamaged => "try an earlier backup; nothing was changed",
        TransferBroken => "try again; nothing was changed",
        TransferTooLong => "split it; nothing was changed",
        CannotSwap => "keep the vaults on a local file system",
        FieldEncryptionOff | FieldEncryptionNeeded => {
            "use the two files of one build; pds stop, which locks, ends this daemon"
        }
        WrongPassword | ValueTooLong | InvalidProfile | UnusablePassword | TooManyClients => {
            return None;
        }
    };
    Some(hint)
}
