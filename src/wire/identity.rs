//! Static keys: who a peer is.

use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::secret::{OutOfSecretMemory, SecureBytes};

/// Bytes of a private or a public X25519 key (RFC 7748).
pub const KEY_BYTES: usize = 32;

/// A public static key.
pub type PublicStaticKey = [u8; KEY_BYTES];

/// A static key pair. Its file is the private half and then the public one,
/// so that reading it costs no multiplication.
#[derive(Debug)]
pub struct KeyPair {
    private: SecureBytes,
    public: PublicStaticKey,
}

impl KeyPair {
    /// A new pair from the kernel's randomness.
    ///
    /// # Errors
    /// [`OutOfSecretMemory`] if the private half can't be kept.
    pub fn generate() -> Result<Self, OutOfSecretMemory> {
        let private = SecureBytes::random(KEY_BYTES)?;
        let mut scalar = Zeroizing::new([0; KEY_BYTES]);
        scalar.copy_from_slice(private.expose());
        let public = PublicKey::from(&StaticSecret::from(*scalar)).to_bytes();
        Ok(Self { private, public })
    }

    /// The pair in a key file's bytes, or `None` if they are not one.
    ///
    /// # Errors
    /// [`OutOfSecretMemory`] if the private half can't be kept.
    pub fn from_file_bytes(bytes: &[u8]) -> Result<Option<Self>, OutOfSecretMemory> {
        let Some((private, public)) = bytes.split_at_checked(KEY_BYTES) else {
            return Ok(None);
        };
        let Ok(public) = PublicStaticKey::try_from(public) else {
            return Ok(None);
        };
        Ok(Some(Self { private: SecureBytes::copy_from(private)?, public }))
    }

    /// The bytes of this pair's key file.
    ///
    /// # Errors
    /// [`OutOfSecretMemory`] if there is no room for them.
    pub fn to_file_bytes(&self) -> Result<SecureBytes, OutOfSecretMemory> {
        let mut bytes = SecureBytes::zeroed(2 * KEY_BYTES)?;
        let (private, public) = bytes.expose_mut().split_at_mut(KEY_BYTES);
        private.copy_from_slice(self.private.expose());
        public.copy_from_slice(&self.public);
        Ok(bytes)
    }

    /// The private half.
    #[must_use]
    pub fn private(&self) -> &SecureBytes {
        &self.private
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicStaticKey {
        &self.public
    }
}
