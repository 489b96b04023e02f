//! The header: how a password becomes the key of a vault, and which vault it is.
//!
//! ```text
//! pds-vault 1
//! id 0123456789abcdef0123456789abcdef
//! kdf $argon2id$v=19$m=65536,t=3,p=1$AAECAwQFBgcICQoLDA0ODw
//! audit <64 hexadecimal digits>                 (may be absent)
//! mac <64 hexadecimal digits>                   BLAKE3 keyed, of the lines before
//! sum <64 hexadecimal digits>                   BLAKE3, of the lines before
//! ```
//!
//! The first and the last line are in every format there will be: a good sum under a later number
//! is a later format, a bad one is damage. There is one way to write a header, so that what is
//! read is compared with what would be written; nothing is skipped.

use std::fmt;

use nix::unistd::{SysconfVar, sysconf};

use super::VaultError;
use crate::{
    crypto::{KdfParams, SALT_BYTES, keyed_mac},
    hex,
    secret::SecureBytes,
};

/// A header has at most this many bytes.
pub const HEADER_MAX_BYTES: u64 = 1024;

const FORMAT: u32 = 1;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Which vault this is: random bytes, not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VaultId(pub [u8; 16]);

impl fmt::Display for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

/// What is known of a vault without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    id: VaultId,
    params: KdfParams,
    salt: [u8; SALT_BYTES],
    audit: Option<[u8; 32]>,
    mac: blake3::Hash,
}

impl Header {
    pub(super) fn new(
        id: VaultId,
        params: KdfParams,
        salt: [u8; SALT_BYTES],
        audit: Option<[u8; 32]>,
        mac_key: &SecureBytes,
    ) -> Result<Self, VaultError> {
        let mut header = Self { id, params, salt, audit, mac: blake3::Hash::from_bytes([0; 32]) };
        header.mac = keyed_mac(mac_key, header.statement().as_bytes())?;
        Ok(header)
    }

    /// Which vault.
    #[must_use]
    pub fn vault_id(&self) -> VaultId {
        self.id
    }

    /// What Argon2id was given, and will be again.
    #[must_use]
    pub fn params(&self) -> KdfParams {
        self.params
    }

    /// The public key that the audit trail's keys are sealed to while this vault is locked.
    #[must_use]
    pub fn audit_public_key(&self) -> Option<[u8; 32]> {
        self.audit
    }

    /// The salt of the key derivation: no secret, different in each vault.
    #[must_use]
    pub fn salt(&self) -> &[u8; SALT_BYTES] {
        &self.salt
    }

    /// Whether somebody who knows the password wrote this header.
    pub(super) fn is_authentic(&self, mac_key: &SecureBytes) -> Result<bool, VaultError> {
        // Compared in constant time.
        Ok(keyed_mac(mac_key, self.statement().as_bytes())? == self.mac)
    }

    /// Whether this machine has the memory that the header asks for: it is not authenticated
    /// before that memory was used.
    pub(super) fn check_affordable(&self) -> Result<(), VaultError> {
        let physical = |what| sysconf(what).ok().flatten().and_then(|n| u64::try_from(n).ok());
        let bytes = match (physical(SysconfVar::_PHYS_PAGES), physical(SysconfVar::PAGE_SIZE)) {
            (Some(pages), Some(size)) => pages.saturating_mul(size),
            _ => return Ok(()),
        };
        if u64::from(self.params.memory_kib) * 1024 > bytes {
            return Err(VaultError::Absurd);
        }
        Ok(())
    }

    /// The header as it is written.
    pub(super) fn text(&self) -> String {
        let body = format!("{}mac {}\n", self.statement(), self.mac);
        let sum = blake3::hash(body.as_bytes());
        format!("{body}sum {sum}\n")
    }

    /// Reads what [`text`](Self::text) wrote.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] unless the checksum is right; with a right one,
    /// [`VaultError::Newer`] or [`VaultError::Absurd`].
    pub(super) fn parse(text: &[u8]) -> Result<Self, VaultError> {
        const DAMAGED: VaultError = VaultError::Damaged { what: "the header" };
        let text = std::str::from_utf8(text).map_err(|_| DAMAGED)?;
        let version = summed(text).and_then(version).ok_or(DAMAGED)?;
        if version > FORMAT {
            return Err(VaultError::Newer { version });
        }
        let header = Self::fields(text).ok_or(DAMAGED)?;
        header.params.check()?;
        if header.text() != text {
            return Err(DAMAGED);
        }
        Ok(header)
    }

    fn fields(text: &str) -> Option<Self> {
        let mut lines = text.lines().skip(1).peekable();
        let id = VaultId(bytes(lines.next()?.strip_prefix("id ")?)?);
        let (params, salt) = phc(lines.next()?.strip_prefix("kdf ")?)?;
        let audit = match lines.next_if(|line| line.starts_with("audit ")) {
            Some(line) => Some(bytes(line.strip_prefix("audit ")?)?),
            None => None,
        };
        let mac = blake3::Hash::from_hex(lines.next()?.strip_prefix("mac ")?).ok()?;
        Some(Self { id, params, salt, audit, mac })
    }

    fn statement(&self) -> String {
        let KdfParams { memory_kib, passes, lanes } = self.params;
        let audit =
            self.audit.map_or_else(String::new, |key| format!("audit {}\n", hex::encode(&key)));
        format!(
            "pds-vault {FORMAT}\nid {}\n\
             kdf $argon2id$v=19$m={memory_kib},t={passes},p={lanes}${}\n{audit}",
            self.id,
            base64(&self.salt),
        )
    }
}

/// Reads a header for nothing but [`fuzz`](crate::fuzz).
#[doc(hidden)]
#[must_use]
pub fn read_header(text: &[u8]) -> bool {
    Header::parse(text).is_ok_and(|header| header.check_affordable().is_ok())
}

/// What comes before the line of the checksum, if that is right.
fn summed(text: &str) -> Option<&str> {
    let start = text.strip_suffix('\n')?.rfind('\n')? + 1;
    let (body, sum) = text.split_at(start);
    let sum = blake3::Hash::from_hex(sum.strip_prefix("sum ")?.strip_suffix('\n')?).ok()?;
    (blake3::hash(body.as_bytes()) == sum).then_some(body)
}

fn version(text: &str) -> Option<u32> {
    text.lines().next()?.strip_prefix("pds-vault ")?.parse().ok()
}

/// Reads the PHC string of Argon2id, as far as it says how to derive a key.
/// <https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md>
fn phc(text: &str) -> Option<(KdfParams, [u8; SALT_BYTES])> {
    let (costs, salt) = text.strip_prefix("$argon2id$v=19$")?.split_once('$')?;
    let mut costs = costs.split(',');
    let mut cost = |name: &str| costs.next()?.strip_prefix(name)?.parse().ok();
    let params = KdfParams { memory_kib: cost("m=")?, passes: cost("t=")?, lanes: cost("p=")? };
    Some((params, unbase64(salt)?))
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    hex::decode(text)?.try_into().ok()
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(BASE64[(word >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

/// Sloppy encodings of the same bytes pass here, and fail where the header is compared with what
/// would be written.
fn unbase64<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (mut out, mut filled, mut word, mut bits) = ([0; N], 0, 0_u32, 0);
    for character in text.bytes() {
        let value = BASE64.iter().position(|known| *known == character)?;
        word = word << 6 | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            *out.get_mut(filled)? = (word >> bits & 255) as u8;
            filled += 1;
        }
    }
    (filled == N).then_some(out)
}

#[cfg(test)]
mod tests;
