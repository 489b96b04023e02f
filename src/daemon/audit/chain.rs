//! The chain: the key and the MAC that the next line hangs on.

use crate::{
    crypto::{DeriveError, KEY_BYTES, derive_audit_line_key, keyed_mac},
    secret::{OutOfSecretMemory, SecureBytes},
};

/// Bytes of a line's MAC.
pub(super) const MAC_BYTES: usize = 32;

/// Where the next line goes.
#[derive(Debug)]
pub(super) struct Link {
    /// The number of the next line in its segment, from 1.
    pub(super) n: u64,
    /// The MAC of the line before; zeros before the first.
    pub(super) before: [u8; MAC_BYTES],
    /// The next line's key, for it alone.
    key: SecureBytes,
}

impl Link {
    /// Begins a segment.
    pub(super) fn first() -> Result<Self, OutOfSecretMemory> {
        Ok(Self::at(1, [0; MAC_BYTES], SecureBytes::random(KEY_BYTES)?))
    }

    /// Goes on at line `n`, whose key is known.
    pub(super) fn at(n: u64, before: [u8; MAC_BYTES], key: SecureBytes) -> Self {
        Self { n, before, key }
    }

    /// The MAC of the next line if its bytes, up to the MAC, are `body`.
    pub(super) fn mac(&self, body: &[u8]) -> Result<blake3::Hash, DeriveError> {
        keyed_mac(&self.key, &[self.before.as_slice(), body].concat())
    }

    /// The link after the next line. This one's key goes when it is replaced.
    pub(super) fn after(&self, mac: [u8; MAC_BYTES]) -> Result<Self, DeriveError> {
        Ok(Self::at(self.n + 1, mac, derive_audit_line_key(&self.key)?))
    }

    /// The key of the next line, to be sealed to a vault and nothing else.
    pub(super) fn key(&self) -> &SecureBytes {
        &self.key
    }
}
