//! Transfers that take several requests on one connection, and end with it: a backup being
//! read, a restore being uploaded, an import in parts.

use crate::{
    daemon::vault_state::Release,
    secret::TrustProfileName,
    store::{SealedEntry, Snapshot, SqlCipherStore, Upload},
};

/// At most one of each.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Transfers {
    pub(super) backup: Option<Taken>,
    pub(super) restore: Option<Restoring>,
    pub(super) import: Option<Staged>,
}

/// A copy of a vault that was taken, and is being read.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) profile: TrustProfileName,
    pub(super) snapshot: Snapshot,
}

/// A vault that is being uploaded to be restored.
#[derive(Debug)]
pub(super) struct Restoring {
    pub(super) profile: TrustProfileName,
    pub(super) upload: Upload,
    pub(super) replace: bool,
}

/// The parts of an import so far, sealed: what waits for the rest is no plaintext, and
/// takes no locked memory.
#[derive(Debug)]
pub(super) struct Staged {
    /// The store that sealed them, which alone can take them.
    pub(super) store: SqlCipherStore,
    pub(super) release: Release,
    pub(super) entries: Vec<SealedEntry>,
    pub(super) bytes: usize,
}
