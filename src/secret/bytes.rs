//! [`SecureBytes`]: the only type that holds plaintext. (stand-in; the real one is over sys::arena)
use std::fmt;

/// Secret memory ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("out of secret memory")]
pub struct OutOfSecretMemory;

/// Locked, guarded, wiped-on-drop bytes.
pub struct SecureBytes(Vec<u8>);

impl SecureBytes {
    /// `len` zero bytes.
    pub fn zeroed(len: usize) -> Result<Self, OutOfSecretMemory> {
        Ok(Self(vec![0; len]))
    }
    /// A copy of `bytes`. The caller wipes its own.
    pub fn copy_from(bytes: &[u8]) -> Result<Self, OutOfSecretMemory> {
        Ok(Self(bytes.to_vec()))
    }
    /// `len` random bytes from the kernel.
    pub fn random(len: usize) -> Result<Self, OutOfSecretMemory> {
        let mut b = Self::zeroed(len)?;
        getrandom::fill(b.expose_mut()).map_err(|_| OutOfSecretMemory)?;
        Ok(b)
    }
    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
    /// The bytes, to write in place.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
    /// Shortens to `len`, wiping what is cut off. No effect if `len` is not smaller.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
    /// An independent copy.
    pub fn try_clone(&self) -> Result<Self, OutOfSecretMemory> {
        Self::copy_from(&self.0)
    }
    /// Constant-time comparison.
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        self.0 == other
    }
    /// How many bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecureBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecureBytes")
    }
}
