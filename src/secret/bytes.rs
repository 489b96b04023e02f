//! [`SecureBytes`]: the only type that holds plaintext.

use std::fmt;

use crate::sys::{
    arena::{self, Slot},
    random,
};

/// There is no more memory that is fit for secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("out of secret memory: the limit on locked memory (RLIMIT_MEMLOCK) is reached")]
pub struct OutOfSecretMemory;

/// Bytes that are locked, guarded and wiped when dropped.
///
/// They live in one arena of `memfd_secret(2)` memory, or of `mlock`ed and
/// undumpable memory on a kernel without it, between canaries and guard pages.
/// There is no `Display`, no `Serialize`, and no comparison but
/// [`ct_eq`](Self::ct_eq); `Debug` names the type and nothing else, not even a length.
pub struct SecureBytes {
    slot: Slot,
    /// At most the slot's length; what is beyond it is zero.
    len: usize,
}

impl SecureBytes {
    /// `len` zero bytes.
    ///
    /// # Errors
    /// [`OutOfSecretMemory`] if the limit on locked memory leaves no room.
    pub fn zeroed(len: usize) -> Result<Self, OutOfSecretMemory> {
        let slot = arena::allocate(len).map_err(|_| OutOfSecretMemory)?;
        Ok(Self { slot, len })
    }

    /// A copy of `bytes`. The caller wipes its own.
    ///
    /// # Errors
    /// As [`zeroed`](Self::zeroed).
    pub fn copy_from(bytes: &[u8]) -> Result<Self, OutOfSecretMemory> {
        let mut copy = Self::zeroed(bytes.len())?;
        copy.expose_mut().copy_from_slice(bytes);
        Ok(copy)
    }

    /// `len` random bytes from the kernel, written in place.
    ///
    /// # Errors
    /// As [`zeroed`](Self::zeroed); also if the kernel gives no randomness, which
    /// no caller could go on without either.
    pub fn random(len: usize) -> Result<Self, OutOfSecretMemory> {
        let mut bytes = Self::zeroed(len)?;
        random::fill(bytes.expose_mut()).map_err(|_| OutOfSecretMemory)?;
        Ok(bytes)
    }

    /// The plaintext. Named so that a search lists every place that reads one.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.slot.as_slice()[..self.len]
    }

    /// The plaintext, to write in place.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.slot.as_mut_slice()[..self.len]
    }

    /// Makes a long one longer in place, by `more` bytes at least, which are zero. False
    /// if that can't be done; then nothing has changed.
    pub(super) fn grow(&mut self, more: usize) -> bool {
        let grown = self.len == self.slot.as_slice().len() && arena::grow(&mut self.slot, more);
        self.len = if grown { self.slot.as_slice().len() } else { self.len };
        grown
    }

    /// Shortens to `len` bytes and wipes the rest. No effect if `len` is not smaller.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            arena::wipe(&mut self.slot.as_mut_slice()[len..]);
            self.len = len;
        }
    }

    /// An independent copy: neither sees what becomes of the other.
    ///
    /// # Errors
    /// As [`zeroed`](Self::zeroed).
    pub fn try_clone(&self) -> Result<Self, OutOfSecretMemory> {
        Self::copy_from(self.expose())
    }

    /// Whether the bytes are the same, in time that depends on the length alone.
    #[must_use]
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        arena::equal(self.expose(), other)
    }

    /// How many bytes. A secret's length is a secret too: never print it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// As [`SecureBytes::try_clone`], for callers who could not go on without.
///
/// # Panics
/// If there is no more secret memory. The daemon never clones this way.
impl Clone for SecureBytes {
    #[allow(clippy::expect_used, reason = "Clone has no way to report; try_clone has")]
    fn clone(&self) -> Self {
        self.try_clone().expect("secret memory for a copy")
    }
}

#[cfg(feature = "faults-on-purpose")]
impl Drop for SecureBytes {
    fn drop(&mut self) {
        super::faults::leak(self.expose());
    }
}

impl fmt::Debug for SecureBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecureBytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_independent() {
        let mut a = SecureBytes::copy_from(b"first").unwrap();
        let b = a.clone();
        a.expose_mut().fill(0);
        assert!(b.ct_eq(b"first"));
    }

    #[test]
    fn debug_says_nothing_but_the_type() {
        let value = SecureBytes::copy_from(b"hunter2").unwrap();
        assert_eq!(format!("{value:?}"), "SecureBytes");
    }

    #[test]
    fn what_is_cut_off_is_wiped() {
        let mut value = SecureBytes::copy_from(b"keep|drop").unwrap();
        value.truncate(4);
        assert!(value.ct_eq(b"keep"));
        assert_eq!(&value.slot.as_slice()[4..], b"\0\0\0\0\0");
    }

    #[test]
    fn values_of_every_size_keep_their_bytes() {
        for len in [0, 1, 15, 16, 17, 4095, 4096, 65_536, 65_537, 1 << 20] {
            let mut value = SecureBytes::zeroed(len).unwrap();
            value.expose_mut().fill(0xA5);
            assert_eq!(value.expose().len(), len);
            assert!(value.clone().ct_eq(&vec![0xA5; len]));
        }
    }

    #[test]
    fn constant_time_comparison_compares_all_of_both() {
        let value = SecureBytes::copy_from(b"abc").unwrap();
        assert!(value.ct_eq(b"abc") && !value.ct_eq(b"abd"));
        assert!(!value.ct_eq(b"ab") && !value.ct_eq(b"abcd") && !value.ct_eq(b""));
    }
}
