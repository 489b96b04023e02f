//! Without field encryption.

use std::collections::BTreeSet;

use crate::{
    daemon::vault_state::{Release, Vaults},
    secret::{SecureBytes, TrustProfileName},
    wire::{
        identity::PublicStaticKey,
        message::{Plaintext, Reason, Request},
    },
};

/// The request that is to be answered: never a sealed one, which says so.
pub(in crate::daemon) fn unsealed(request: Request<'_>) -> Result<Request<'_>, Reason> {
    match request {
        Request::Sealed(_) => Err(Reason::FieldEncryptionOff),
        request => Ok(request),
    }
}

/// What is done to the values of one profile as they come and go: nothing.
#[derive(Debug)]
pub(in crate::daemon) struct Fields;

impl Fields {
    pub(in crate::daemon) fn of(_: &Vaults, _: &str) -> Result<Self, Reason> {
        Ok(Self)
    }

    /// A value that came, in secret memory.
    pub(in crate::daemon) fn open(
        &self,
        _: &str,
        value: Plaintext<'_>,
    ) -> Result<SecureBytes, Reason> {
        SecureBytes::copy_from(value.0).map_err(|_| Reason::OutOfSecretMemory)
    }

    /// A value that goes.
    pub(in crate::daemon) fn seal(
        &self,
        _: &str,
        value: SecureBytes,
    ) -> Result<SecureBytes, Reason> {
        Ok(value)
    }
}

/// The key that a launcher needs for an unlocked profile: none.
pub(in crate::daemon) fn key_for_launcher(
    _: &Vaults,
    _: &str,
) -> Result<Option<(SecureBytes, Release)>, Reason> {
    Ok(None)
}

/// No launcher has a key that locking would have to take away.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Keyring;

impl Keyring {
    pub(in crate::daemon) fn of(_: &PublicStaticKey) -> Self {
        Self
    }

    pub(in crate::daemon) fn none() -> Self {
        Self
    }

    pub(in crate::daemon) fn revoke_all(&self, _: impl FnOnce() -> BTreeSet<TrustProfileName>) {}

    pub(in crate::daemon) fn revoke(&self, _: &TrustProfileName) {}
}
