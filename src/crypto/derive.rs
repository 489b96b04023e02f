//! Password to master key (Argon2id), master key to all others (BLAKE3 `derive_key`).

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    secret::{OutOfSecretMemory, SecureBytes, TrustProfileName},
    sys::stack::with_secret_stack,
};

/// Every key here has this many bytes.
pub const KEY_BYTES: usize = 32;
/// Bytes of an Argon2id salt: random, and another for each vault (RFC 9106, section 3.1).
pub const SALT_BYTES: usize = 16;

/// Less memory than this, in KiB, is refused: 19 MiB with two passes is the least that OWASP's
/// password storage guide accepts.
pub const MEMORY_FLOOR_KIB: u32 = 19 * 1024;
/// More memory than this, in KiB, is refused: a header may not be a memory bomb.
pub const MEMORY_CEILING_KIB: u32 = 4 * 1024 * 1024;
/// Fewer passes than this are refused, for the same reason.
const PASSES_FLOOR: u32 = 2;
/// More passes or lanes are refused: no pds writes them, and they could take hours.
const PASSES_CEILING: u32 = 64;
const LANES_CEILING: u32 = 16;

/// What an Argon2id run costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KdfParams {
    /// Memory, in KiB: [`MEMORY_FLOOR_KIB`] to [`MEMORY_CEILING_KIB`].
    pub memory_kib: u32,
    /// Passes over that memory: 2 to 64.
    pub passes: u32,
    /// Lanes, computed one after the other: 1 to 16.
    pub lanes: u32,
}

impl KdfParams {
    /// What new vaults get: 64 MiB, three passes, one lane.
    pub const DEFAULT: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

    /// Whether these parameters make guessing costly enough, and are within bounds. That
    /// this machine has so much memory is checked where a header is read.
    ///
    /// # Errors
    /// [`DeriveError::TooCheap`] below the floor, [`DeriveError::TooCostly`] above the ceiling.
    pub fn check(&self) -> Result<(), DeriveError> {
        if self.memory_kib < MEMORY_FLOOR_KIB || self.passes < PASSES_FLOOR || self.lanes < 1 {
            return Err(DeriveError::TooCheap);
        }
        if self.memory_kib > MEMORY_CEILING_KIB
            || self.passes > PASSES_CEILING
            || self.lanes > LANES_CEILING
        {
            return Err(DeriveError::TooCostly);
        }
        Ok(())
    }
}

impl Default for KdfParams {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Why no key could be derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeriveError {
    /// The parameters would make guessing the password cheap.
    #[error("key derivation parameters are below the floor of 19 MiB and two passes")]
    TooCheap,
    /// The parameters ask for more than any vault needs.
    #[error("key derivation parameters are above the ceiling of 4 GiB, 64 passes and 16 lanes")]
    TooCostly,
    /// Longer than Argon2 takes (4 GiB).
    #[error("the password is too long")]
    PasswordTooLong,
    /// The matrix of Argon2 could not be allocated.
    #[error("not enough memory to derive the key")]
    OutOfMemory,
    /// A key is not [`KEY_BYTES`] long.
    #[error("a key has {KEY_BYTES} bytes")]
    KeyLength,
    /// The key itself found no place.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
}

/// The master key of a vault with [`KdfParams::DEFAULT`]. A vault that was made with other
/// parameters opens with [`derive_key_argon2`] and those.
///
/// # Errors
/// As [`derive_key_argon2`].
pub fn derive_master_key(
    password: &[u8],
    salt: &[u8; SALT_BYTES],
) -> Result<SecureBytes, DeriveError> {
    derive_key_argon2(password, salt, &KdfParams::DEFAULT)
}

/// Argon2id v1.3 (RFC 9106): `password` and `salt` to 32 bytes.
///
/// The password goes in as it was typed, byte by byte: no trimming, no normalisation.
///
/// # Errors
/// [`DeriveError::TooCheap`] or [`DeriveError::TooCostly`] before any work;
/// [`DeriveError::OutOfMemory`] or [`DeriveError::OutOfSecretMemory`] where memory ends.
pub fn derive_key_argon2(
    password: &[u8],
    salt: &[u8; SALT_BYTES],
    params: &KdfParams,
) -> Result<SecureBytes, DeriveError> {
    params.check()?;
    let cost = Params::new(params.memory_kib, params.passes, params.lanes, Some(KEY_BYTES))
        .map_err(|_| DeriveError::TooCostly)?;
    let mut matrix = matrix(cost.block_count())?;
    let mut key = SecureBytes::zeroed(KEY_BYTES)?;
    argon2id(cost, password, salt, matrix.as_mut_slice(), key.expose_mut())?;
    Ok(key)
}

/// The memory that Argon2 works in, wiped when it is dropped. The crate's own would be freed
/// unwiped, and the key is one BLAKE2b away from its last block.
fn matrix(blocks: usize) -> Result<Zeroizing<Vec<Block>>, DeriveError> {
    let mut matrix = Vec::new();
    matrix.try_reserve_exact(blocks).map_err(|_| DeriveError::OutOfMemory)?;
    matrix.resize(blocks, Block::default());
    Ok(Zeroizing::new(matrix))
}

#[inline(never)]
fn argon2id(
    cost: Params,
    password: &[u8],
    salt: &[u8],
    matrix: &mut [Block],
    key: &mut [u8],
) -> Result<(), DeriveError> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
    with_secret_stack(|| argon2.hash_password_into_with_memory(password, salt, key, matrix))
        .map_err(|why| match why {
            argon2::Error::PwdTooLong => DeriveError::PasswordTooLong,
            argon2::Error::OutOfMemory => DeriveError::OutOfMemory,
            _ => DeriveError::TooCostly,
        })
}

/// The key of a profile's database. It exists only while a vault is opened or made.
///
/// # Errors
/// [`DeriveError::OutOfSecretMemory`].
pub fn derive_vault_key(
    master_key: &SecureBytes,
    profile: &TrustProfileName,
) -> Result<SecureBytes, DeriveError> {
    derive(&format!("pds v2 vault-key {profile}"), master_key)
}

/// The key that seals values before they reach SQL.
///
/// # Errors
/// [`DeriveError::OutOfSecretMemory`].
pub fn derive_entry_key(vault_key: &SecureBytes) -> Result<SecureBytes, DeriveError> {
    derive("pds v2 entry-encryption-key", vault_key)
}

/// The key that seals single fields on the wire.
///
/// # Errors
/// [`DeriveError::OutOfSecretMemory`].
pub fn derive_ipc_encryption_key(
    master_key: &SecureBytes,
    profile: &TrustProfileName,
) -> Result<SecureBytes, DeriveError> {
    derive(&format!("pds v2 ipc-encryption-key {profile}"), master_key)
}

/// The key that tells a header of ours, and the right password, from any other.
///
/// # Errors
/// [`DeriveError::OutOfSecretMemory`].
pub fn derive_header_mac_key(
    master_key: &SecureBytes,
    profile: &TrustProfileName,
) -> Result<SecureBytes, DeriveError> {
    derive(&format!("pds v2 header-mac-key {profile}"), master_key)
}

/// The key that authenticates the generation noted outside the vault.
///
/// # Errors
/// [`DeriveError::OutOfSecretMemory`].
pub fn derive_generation_mac_key(
    master_key: &SecureBytes,
    profile: &TrustProfileName,
) -> Result<SecureBytes, DeriveError> {
    derive(&format!("pds v2 generation-mac-key {profile}"), master_key)
}

/// The key of a line of the audit trail, from that of the line before. The one before can't be
/// had back from it, so whoever takes the running key can't rewrite what is written already.
///
/// # Errors
/// [`DeriveError::OutOfSecretMemory`].
pub fn derive_audit_line_key(previous: &SecureBytes) -> Result<SecureBytes, DeriveError> {
    derive("pds v2 audit-line-key", previous)
}

/// The key that seals a segment's key to a vault: from the Diffie-Hellman result and both
/// public keys, in that order.
///
/// # Errors
/// [`DeriveError::OutOfSecretMemory`].
pub fn derive_audit_seal_key(agreed: &SecureBytes) -> Result<SecureBytes, DeriveError> {
    derive("pds v2 audit-seal-key", agreed)
}

/// The key that authenticates the head of the audit trail noted outside of it, from the private
/// half of a vault's audit key.
///
/// # Errors
/// [`DeriveError::OutOfSecretMemory`].
pub fn derive_audit_head_mac_key(private: &SecureBytes) -> Result<SecureBytes, DeriveError> {
    derive("pds v2 audit-head-mac-key", private)
}

#[inline(never)]
fn derive(context: &str, from: &SecureBytes) -> Result<SecureBytes, DeriveError> {
    with_secret_stack(|| derive_here(context, from))
}

fn derive_here(context: &str, from: &SecureBytes) -> Result<SecureBytes, DeriveError> {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    hasher.update(from.expose());
    let mut output = hasher.finalize_xof();
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    output.fill(bytes.as_mut_slice());
    output.zeroize();
    hasher.zeroize();
    Ok(SecureBytes::copy_from(bytes.as_slice())?)
}

/// BLAKE3 of `message`, keyed. What comes out is public. Compare it in constant time:
/// [`blake3::Hash`] does.
///
/// # Errors
/// [`DeriveError::KeyLength`] if `key` has not [`KEY_BYTES`] bytes.
#[inline(never)]
pub fn keyed_mac(key: &SecureBytes, message: &[u8]) -> Result<blake3::Hash, DeriveError> {
    with_secret_stack(|| keyed_mac_here(key, message))
}

fn keyed_mac_here(key: &SecureBytes, message: &[u8]) -> Result<blake3::Hash, DeriveError> {
    let mut copy = Zeroizing::new([0; KEY_BYTES]);
    if key.len() != KEY_BYTES {
        return Err(DeriveError::KeyLength);
    }
    copy.copy_from_slice(key.expose());
    let mut hasher = blake3::Hasher::new_keyed(&copy);
    hasher.update(message);
    let mac = hasher.finalize();
    hasher.zeroize();
    Ok(mac)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use argon2::{AssociatedData, ParamsBuilder};

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    // RFC 9106, section 5.3. It has a secret and associated data, which pds does not use.
    #[test]
    fn argon2id_matches_rfc_9106() {
        let data = AssociatedData::new(&[4; 12]).unwrap();
        let cost = ParamsBuilder::new().m_cost(32).t_cost(3).p_cost(4).data(data).build().unwrap();
        let mut tag = [0; 32];
        let mut blocks = matrix(cost.block_count()).unwrap();
        Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, cost)
            .unwrap()
            .hash_password_into_with_memory(&[1; 32], &[2; 16], &mut tag, blocks.as_mut_slice())
            .unwrap();
        assert_eq!(hex(&tag), "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
    }

    // BLAKE3's test_vectors.json; each input is the bytes 0, 1, …, 250, 0, 1, …
    #[test]
    fn derive_matches_the_published_blake3_vectors() {
        let context = "BLAKE3 2019-12-27 16:29:52 test vectors context";
        for (len, expected) in include_str!("../../tests/golden/blake3_derive_key.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_once(' ').unwrap())
        {
            let input: Vec<u8> =
                (0..len.parse::<usize>().unwrap()).map(|i| (i % 251) as u8).collect();
            let key = derive(context, &SecureBytes::copy_from(&input).unwrap()).unwrap();
            assert_eq!(hex(key.expose()), expected, "{len}");
        }
    }

    // tests/golden/derive.py computes these without any code of ours.
    #[test]
    fn every_derivation_matches_the_independent_script() {
        let lines: Vec<Vec<&str>> = include_str!("../../tests/golden/derive.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(' ').collect())
            .collect();
        assert_eq!(lines.len(), 5);
        for line in lines {
            let [profile, password, salt, master, vault, entry, ipc, header, generation] = line[..]
            else {
                panic!("nine fields");
            };
            let profile = TrustProfileName::new(profile).unwrap();
            let salt: [u8; 16] = unhex(salt).try_into().unwrap();
            let key = derive_master_key(&unhex(password), &salt).unwrap();
            let vault_key = derive_vault_key(&key, &profile).unwrap();
            assert_eq!(hex(key.expose()), master);
            assert_eq!(hex(vault_key.expose()), vault);
            assert_eq!(hex(derive_entry_key(&vault_key).unwrap().expose()), entry);
            assert_eq!(hex(derive_ipc_encryption_key(&key, &profile).unwrap().expose()), ipc);
            assert_eq!(hex(derive_header_mac_key(&key, &profile).unwrap().expose()), header);
            assert_eq!(
                hex(derive_generation_mac_key(&key, &profile).unwrap().expose()),
                generation
            );
        }
    }

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len() / 2)
            .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn parameters_out_of_bounds_are_refused_before_any_work() {
        let base = KdfParams::DEFAULT;
        for (params, why) in [
            (KdfParams { memory_kib: MEMORY_FLOOR_KIB - 1, ..base }, DeriveError::TooCheap),
            (KdfParams { passes: 1, ..base }, DeriveError::TooCheap),
            (KdfParams { lanes: 0, ..base }, DeriveError::TooCheap),
            (KdfParams { memory_kib: MEMORY_CEILING_KIB + 1, ..base }, DeriveError::TooCostly),
            (KdfParams { passes: 65, ..base }, DeriveError::TooCostly),
            (KdfParams { lanes: 17, ..base }, DeriveError::TooCostly),
            (
                KdfParams { memory_kib: u32::MAX, passes: u32::MAX, lanes: 1 },
                DeriveError::TooCostly,
            ),
        ] {
            assert_eq!(derive_key_argon2(b"p", &[0; 16], &params).unwrap_err(), why, "{params:?}");
        }
    }
}
