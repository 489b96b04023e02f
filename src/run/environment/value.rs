//! A secret value on its way into the block.

use std::fmt;

use crate::secret::SecureBytes;

/// The bytes of a value: where the answer that brought it was opened, or of its own.
/// A copy of each would be as many pages of secret memory again, and those are what a
/// run of many secrets waits for.
pub enum SecretValue<'a> {
    /// In the answer, which is secret memory.
    Answered(&'a [u8]),
    /// Made here.
    Made(SecureBytes),
}

impl SecretValue<'_> {
    /// The plaintext.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        match self {
            Self::Answered(bytes) => bytes,
            Self::Made(bytes) => bytes.expose(),
        }
    }
}

impl fmt::Debug for SecretValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue")
    }
}
