//! Static keys: who a peer is.

use std::{
    io::{self, Read},
    sync::Arc,
};

use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::{
    secret::{OutOfSecretMemory, SecureBuffer, SecureBytes},
    sys::stack::with_secret_stack,
};

/// Bytes of a private or a public X25519 key (RFC 7748).
pub const KEY_BYTES: usize = 32;
/// A key file has at most this many bytes.
pub const KEY_FILE_MAX_BYTES: usize = 4 * KEY_BYTES;

/// A public static key.
pub type PublicStaticKey = [u8; KEY_BYTES];

/// The Diffie-Hellman result of a key with one peer's static key. Between two static keys
/// it is the same in every handshake, and to compute it is a quarter of a handshake's work.
#[derive(Debug)]
pub struct StaticShared {
    peer: PublicStaticKey,
    secret: SecureBytes,
}

impl StaticShared {
    /// Whose it is.
    #[must_use]
    pub fn peer(&self) -> &PublicStaticKey {
        &self.peer
    }

    /// The shared secret, if it is the one with `peer`.
    #[must_use]
    pub fn with(&self, peer: &[u8]) -> Option<&SecureBytes> {
        (self.peer == peer).then_some(&self.secret)
    }
}

/// A static key pair.
///
/// Its file holds the private half; the public one, so that reading the file costs no
/// multiplication; and for a client also the daemon's public half and the [`StaticShared`]
/// secret with it. Whoever has the private half can compute that secret: a thief of the file
/// gains nothing by it.
#[derive(Debug)]
pub struct KeyPair {
    private: SecureBytes,
    public: PublicStaticKey,
    shared: Option<Arc<StaticShared>>,
}

impl KeyPair {
    /// A new pair from the kernel's randomness.
    ///
    /// # Errors
    /// [`OutOfSecretMemory`] if the private half can't be kept.
    pub fn generate() -> Result<Self, OutOfSecretMemory> {
        let private = SecureBytes::random(KEY_BYTES)?;
        let public = with_secret_stack(|| PublicKey::from(&scalar(&private)).to_bytes());
        Ok(Self { private, public, shared: None })
    }

    /// Computes, once, what this key shares with the one of a peer that it will
    /// meet often.
    ///
    /// # Errors
    /// [`OutOfSecretMemory`] if that can't be kept.
    pub fn remember(&mut self, peer: &PublicStaticKey) -> Result<(), OutOfSecretMemory> {
        let mut secret = SecureBytes::zeroed(KEY_BYTES)?;
        let contributory = with_secret_stack(|| {
            let shared = scalar(&self.private).diffie_hellman(&PublicKey::from(*peer));
            secret.expose_mut().copy_from_slice(shared.as_bytes());
            shared.was_contributory()
        });
        self.shared = contributory.then(|| Arc::new(StaticShared { peer: *peer, secret }));
        Ok(())
    }

    /// What this key shares with a peer's, if that is remembered.
    #[must_use]
    pub fn shared(&self) -> Option<&Arc<StaticShared>> {
        self.shared.as_ref()
    }

    /// Reads a key file straight into secret memory; `None` if it is not one.
    ///
    /// # Errors
    /// What the reader says, or that there is no memory for it.
    pub fn read(file: &mut impl Read) -> io::Result<Option<Self>> {
        let short = |_| io::Error::from(io::ErrorKind::OutOfMemory);
        // One byte more than the longest, so that a longer file is noticed.
        let mut bytes = SecureBytes::zeroed(KEY_FILE_MAX_BYTES + 1).map_err(short)?;
        let mut len = 0;
        while len < bytes.len() {
            match file.read(&mut bytes.expose_mut()[len..])? {
                0 => break,
                more => len += more,
            }
        }
        bytes.truncate(len);
        Self::from_file_bytes(bytes.expose()).map_err(short)
    }

    /// The pair in a key file's bytes, or `None` if they are not one.
    ///
    /// # Errors
    /// [`OutOfSecretMemory`] if the private half can't be kept.
    pub fn from_file_bytes(bytes: &[u8]) -> Result<Option<Self>, OutOfSecretMemory> {
        let (parts, rest) = bytes.as_chunks::<KEY_BYTES>();
        let (private, public, shared) = match parts {
            [private, public] => (private, public, None),
            [private, public, peer, secret] => {
                let secret = SecureBytes::copy_from(secret)?;
                (private, public, Some(Arc::new(StaticShared { peer: *peer, secret })))
            }
            _ => return Ok(None),
        };
        if !rest.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { private: SecureBytes::copy_from(private)?, public: *public, shared }))
    }

    /// The bytes of this pair's key file.
    ///
    /// # Errors
    /// [`OutOfSecretMemory`] if there is no room for them.
    pub fn to_file_bytes(&self) -> Result<SecureBytes, OutOfSecretMemory> {
        let mut bytes = SecureBuffer::new()?;
        bytes.extend(self.private.expose())?;
        bytes.extend(&self.public)?;
        if let Some(shared) = &self.shared {
            bytes.extend(&shared.peer)?;
            bytes.extend(shared.secret.expose())?;
        }
        Ok(bytes.into_bytes())
    }

    /// The private half.
    #[must_use]
    pub fn private(&self) -> &SecureBytes {
        &self.private
    }

    /// The private half, and what it shares with a peer, for whoever needs nothing else.
    pub(super) fn into_private(self) -> (Option<SecureBytes>, Option<Arc<StaticShared>>) {
        (Some(self.private), self.shared)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicStaticKey {
        &self.public
    }
}

/// A private key as the multiplication takes it. Only on the secret stack, where what it
/// leaves behind is wiped.
pub(crate) fn scalar(private: &SecureBytes) -> StaticSecret {
    let mut scalar = Zeroizing::new([0; KEY_BYTES]);
    scalar.copy_from_slice(private.expose());
    StaticSecret::from(*scalar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_reads_back_with_what_it_remembers() {
        let (mut pair, peer) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let read = KeyPair::from_file_bytes(pair.to_file_bytes().unwrap().expose()).unwrap();
        assert_eq!(read.unwrap().public(), pair.public());
        pair.remember(peer.public()).unwrap();
        let read = KeyPair::from_file_bytes(pair.to_file_bytes().unwrap().expose()).unwrap();
        let read = read.unwrap();
        let shared = read.shared().unwrap().with(peer.public()).unwrap();
        let again = scalar(peer.private()).diffie_hellman(&PublicKey::from(*pair.public()));
        assert!(shared.ct_eq(again.as_bytes()));
        assert!(read.shared().unwrap().with(pair.public()).is_none());
    }

    #[test]
    fn a_file_of_another_length_is_no_key_file() {
        for len in [0, 32, 63, 65, 96, 127, 129, 160] {
            let bytes = vec![7; len];
            assert!(KeyPair::from_file_bytes(&bytes).unwrap().is_none(), "{len}");
            assert!(KeyPair::read(&mut bytes.as_slice()).unwrap().is_none(), "{len}");
        }
    }
}
