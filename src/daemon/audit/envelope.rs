//! A segment's key, sealed to a vault: the key pair's private half is in the vault,
//! the public one in its header, readable while it is locked.
//!
//! ```text
//! ephemeral public key, 32 bytes │ AES-256-GCM of the key, under
//! BLAKE3 derive_key(X25519(ephemeral, vault's) ‖ ephemeral public ‖ vault's public)
//! ```

use x25519_dalek::PublicKey;

use crate::{
    crypto::{self, KEY_BYTES, SealError, derive_audit_seal_key},
    hex,
    secret::{OutOfSecretMemory, SecureBytes},
    store::VaultId,
    sys::stack::with_secret_stack,
    wire::identity::{KeyPair, scalar},
};

/// A vault that a segment's key is sealed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Recipient {
    pub(in crate::daemon) profile: String,
    pub(in crate::daemon) vault: VaultId,
    pub(in crate::daemon) public: [u8; KEY_BYTES],
}

/// Which line a sealed key is for. Bound to it, so that it can't be moved to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) n: u64,
}

impl Place {
    fn aad(self, vault: VaultId) -> Vec<u8> {
        let numbers = [self.segment.to_be_bytes(), self.n.to_be_bytes()].concat();
        [b"pds v2 audit key\0".as_slice(), &vault.0, &numbers].concat()
    }
}

/// Seals the key of the line at `place` to a vault, as hexadecimal digits.
pub(super) fn seal(key: &SecureBytes, to: &Recipient, place: Place) -> Result<String, SealError> {
    let ephemeral = KeyPair::generate()?;
    let agreed = agree(ephemeral.private(), ephemeral.public(), &to.public, &to.public)?;
    let sealed = crypto::seal(&agreed, key.expose(), &place.aad(to.vault))?;
    Ok(hex::encode(&[ephemeral.public().as_slice(), &sealed].concat()))
}

/// Opens what [`seal`] made, with the private half of the vault's audit key.
pub(super) fn open(
    sealed: &str,
    vault: VaultId,
    private: &SecureBytes,
    place: Place,
) -> Result<SecureBytes, SealError> {
    let bytes = hex::decode(sealed).ok_or(SealError::Forged)?;
    let (ephemeral, sealed) = bytes.split_first_chunk().ok_or(SealError::Forged)?;
    if private.len() != KEY_BYTES {
        return Err(SealError::KeyLength);
    }
    let public = with_secret_stack(|| PublicKey::from(&scalar(private)).to_bytes());
    let agreed = agree(private, ephemeral, &public, ephemeral)?;
    crypto::open(&agreed, sealed, &place.aad(vault))
}

fn agree(
    private: &SecureBytes,
    ephemeral: &[u8; KEY_BYTES],
    vault: &[u8; KEY_BYTES],
    theirs: &[u8; KEY_BYTES],
) -> Result<SecureBytes, SealError> {
    let mut all = SecureBytes::zeroed(3 * KEY_BYTES)?;
    let (shared, public) = all.expose_mut().split_at_mut(KEY_BYTES);
    public[..KEY_BYTES].copy_from_slice(ephemeral);
    public[KEY_BYTES..].copy_from_slice(vault);
    let is_contributory = with_secret_stack(|| {
        let agreed = scalar(private).diffie_hellman(&PublicKey::from(*theirs));
        shared.copy_from_slice(agreed.as_bytes());
        agreed.was_contributory()
    });
    // A public key of small order would make the result, and so the key, known to everybody.
    if !is_contributory {
        return Err(SealError::Forged);
    }
    derive_audit_seal_key(&all).map_err(|_| OutOfSecretMemory.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_that_vault_opens_it_and_only_for_that_line() {
        let (pair, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let to =
            Recipient { profile: "work".into(), vault: VaultId([1; 16]), public: *pair.public() };
        let key = SecureBytes::random(KEY_BYTES).unwrap();
        let place = Place { segment: 3, n: 1 };
        let sealed = seal(&key, &to, place).unwrap();
        let opened = open(&sealed, to.vault, pair.private(), place).unwrap();
        assert!(opened.ct_eq(key.expose()));
        assert!(open(&sealed, to.vault, other.private(), place).is_err());
        assert!(open(&sealed, VaultId([2; 16]), pair.private(), place).is_err());
        for place in [Place { segment: 4, n: 1 }, Place { segment: 3, n: 2 }] {
            assert!(open(&sealed, to.vault, pair.private(), place).is_err());
        }
    }

    #[test]
    fn a_public_key_of_small_order_is_refused() {
        let to = Recipient { profile: "work".into(), vault: VaultId([1; 16]), public: [0; 32] };
        let key = SecureBytes::random(KEY_BYTES).unwrap();
        assert!(seal(&key, &to, Place { segment: 1, n: 1 }).is_err());
    }
}
