//! With field encryption.

use std::collections::BTreeSet;

use crate::{
    crypto::derive_ipc_encryption_key,
    daemon::vault_state::{Release, Vaults},
    secret::{SecureBytes, TrustProfileName},
    sys::keyring,
    wire::{
        field::{self, Direction, SealError},
        identity::PublicStaticKey,
        message::{KeyInProfile, Plaintext, Reason, Request},
    },
};

/// The request that is to be answered: out of its envelope if it belongs into one. One that
/// should be sealed and isn't is refused, or a client could choose to do without.
pub(in crate::daemon) fn unsealed(request: Request<'_>) -> Result<Request<'_>, Reason> {
    match request {
        Request::Sealed(inner) => field::unwrap(inner.0).map_err(|_| Reason::Malformed),
        request if field::is_sealed(&request) => Err(Reason::FieldEncryptionNeeded),
        request => Ok(request),
    }
}

/// What opens and seals the values of one profile as they come and go.
#[derive(Debug)]
pub(in crate::daemon) struct Fields<'p> {
    ipc_key: SecureBytes,
    profile: &'p str,
}

impl<'p> Fields<'p> {
    pub(in crate::daemon) fn of(vaults: &Vaults, profile: &'p str) -> Result<Self, Reason> {
        Ok(Self { ipc_key: ipc_key(vaults, profile)?.0, profile })
    }

    /// A value that came, opened straight into secret memory. It is wiped when it is dropped,
    /// which is when the store has it.
    pub(in crate::daemon) fn open(
        &self,
        key: &str,
        value: Plaintext<'_>,
    ) -> Result<SecureBytes, Reason> {
        let at = KeyInProfile { profile: self.profile, key };
        field::open(&self.ipc_key, Direction::ToDaemon, at, value.0).map_err(reason)
    }

    /// A value that goes, sealed; the plain one is wiped.
    pub(in crate::daemon) fn seal(
        &self,
        key: &str,
        value: SecureBytes,
    ) -> Result<SecureBytes, Reason> {
        let at = KeyInProfile { profile: self.profile, key };
        let sealed = field::seal(&self.ipc_key, Direction::ToClient, at, value.expose());
        SecureBytes::copy_from(&sealed.map_err(reason)?).map_err(|_| Reason::OutOfSecretMemory)
    }
}

/// The key that a launcher needs for an unlocked profile, and which unlocking it is of.
pub(in crate::daemon) fn key_for_launcher(
    vaults: &Vaults,
    profile: &str,
) -> Result<Option<(SecureBytes, Release)>, Reason> {
    ipc_key(vaults, profile).map(Some)
}

fn ipc_key(vaults: &Vaults, profile: &str) -> Result<(SecureBytes, Release), Reason> {
    let (master_key, release) = vaults.master_key(profile)?;
    let key = derive_ipc_encryption_key(&master_key, &release.0);
    Ok((key.map_err(|_| Reason::OutOfSecretMemory)?, release))
}

fn reason(error: SealError) -> Reason {
    match error {
        SealError::Forged => Reason::FieldForged,
        SealError::OutOfSecretMemory(_) => Reason::OutOfSecretMemory,
        SealError::TooLong => Reason::ValueTooLong,
        SealError::KeyLength | SealError::NoRandomness => Reason::Internal,
    }
}

/// The user's keyring, as far as it has keys of this daemon's.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Keyring(Option<PublicStaticKey>);

impl Keyring {
    pub(in crate::daemon) fn of(daemon: &PublicStaticKey) -> Self {
        Self(Some(*daemon))
    }

    pub(in crate::daemon) fn none() -> Self {
        Self(None)
    }

    pub(in crate::daemon) fn revoke_all(
        &self,
        profiles: impl FnOnce() -> BTreeSet<TrustProfileName>,
    ) {
        profiles().iter().for_each(|profile| self.revoke(profile));
    }

    /// Takes a profile's key away from the launcher. What can't be revoked ends with its
    /// timeout, and by then opens nothing any more that this daemon would send.
    pub(in crate::daemon) fn revoke(&self, profile: &TrustProfileName) {
        let Some(daemon) = &self.0 else { return };
        if let Err(error) = keyring::revoke(&field::keyring_name(daemon, profile)) {
            tracing::warn!(%profile, %error, "can't revoke the launcher's IPC key");
        }
    }
}
