//! A growing buffer of plaintext.

use super::bytes::{OutOfSecretMemory, SecureBytes};

const FIRST_CAPACITY_BYTES: usize = 512;
/// Growing doubles up to this much and then adds as much each time: while it
/// moves, a buffer is there twice, and locked memory is scarce.
const GROWTH_MAX_BYTES: usize = 1 << 20;

/// Plaintext of a length that is not known yet. While it is short each growth moves it
/// within secret memory and wipes the place it leaves; a long one grows where it is.
#[derive(Debug)]
pub struct SecureBuffer {
    bytes: SecureBytes,
    len: usize,
}

impl SecureBuffer {
    /// An empty buffer.
    ///
    /// # Errors
    /// [`OutOfSecretMemory`] if the limit on locked memory leaves no room.
    pub fn new() -> Result<Self, OutOfSecretMemory> {
        Self::with_capacity(FIRST_CAPACITY_BYTES)
    }

    /// An empty buffer that need not move before it holds `capacity` bytes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_capacity(capacity: usize) -> Result<Self, OutOfSecretMemory> {
        Ok(Self { bytes: SecureBytes::zeroed(capacity)?, len: 0 })
    }

    /// Appends `more`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn extend(&mut self, more: &[u8]) -> Result<(), OutOfSecretMemory> {
        self.spare(more.len())?[..more.len()].copy_from_slice(more);
        self.len += more.len();
        Ok(())
    }

    /// At least `wanted` bytes behind the end, to be written and then
    /// [`advance`](Self::advance)d over.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn spare(&mut self, wanted: usize) -> Result<&mut [u8], OutOfSecretMemory> {
        let needed = self.len.checked_add(wanted).ok_or(OutOfSecretMemory)?;
        if needed > self.bytes.len() {
            let growth = self.bytes.len().min(GROWTH_MAX_BYTES);
            let wanted = needed.max(self.bytes.len() + growth);
            if !self.bytes.grow(wanted - self.bytes.len()) {
                let mut grown = SecureBytes::zeroed(wanted)?;
                grown.expose_mut()[..self.len].copy_from_slice(self.as_slice());
                self.bytes = grown;
            }
        }
        Ok(&mut self.bytes.expose_mut()[self.len..])
    }

    /// Counts `written` bytes of the spare ones as part of the buffer.
    pub fn advance(&mut self, written: usize) {
        self.len = (self.len + written).min(self.bytes.len());
    }

    /// What is in it.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes.expose()[..self.len]
    }

    /// Its content, as a value that no longer grows.
    #[must_use]
    pub fn into_bytes(mut self) -> SecureBytes {
        self.bytes.truncate(self.len);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_whatever_the_pieces() {
        let mut buffer = SecureBuffer::new().unwrap();
        let all: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
        for piece in all.chunks(777) {
            buffer.extend(piece).unwrap();
        }
        assert!(buffer.into_bytes().ct_eq(&all));
    }
}
