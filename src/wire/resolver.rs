//! The primitives of `Noise_IK_25519_AESGCM_BLAKE2s`, for snow.
//!
//! snow's own wipe nothing: the static keys and the last plaintext stay on the
//! heap. These keep private keys and traffic keys in secret memory and encrypt
//! from one buffer straight into the other, so that no plaintext ever lies in
//! the buffer that goes to the socket.

use std::sync::{Arc, Mutex, PoisonError};

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{AeadInOut, inout::InOutBuf},
};
use blake2::{Blake2s256, Digest};
use snow::{
    Error,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::CryptoResolver,
    types::{Cipher, Dh, Hash, Random},
};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroize;

use super::identity::{KEY_BYTES, KeyPair, PublicStaticKey, StaticShared, scalar};
use crate::{secret::SecureBytes, sys::random};

/// Bytes of an AES-GCM tag.
pub(super) const TAG_BYTES: usize = 16;
const BLAKE2S_BLOCK_BYTES: usize = 64;
const BLAKE2S_HASH_BYTES: usize = 32;

/// Gives snow the primitives. It knows the public half of the static key that
/// will be set, which saves a multiplication in each handshake.
#[derive(Debug)]
pub(super) struct Resolver {
    pub(super) static_public: PublicStaticKey,
    pub(super) shared: Option<Arc<StaticShared>>,
    /// The handshake's ephemeral pair, if it was made ahead. Whoever takes it has it
    /// alone: an ephemeral key that served twice would be none.
    pub(super) ephemeral: Arc<Mutex<Option<KeyPair>>>,
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Kernel))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        let (shared, ahead) = (self.shared.clone(), Arc::clone(&self.ephemeral));
        let dh = X25519 { private: None, public: self.static_public, shared, ahead };
        matches!(choice, DHChoice::Curve25519).then(|| Box::new(dh) as Box<dyn Dh>)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        matches!(choice, HashChoice::Blake2s)
            .then(|| Box::new(Blake2s(Blake2s256::new())) as Box<dyn Hash>)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        matches!(choice, CipherChoice::AESGCM)
            .then(|| Box::new(AesGcm { key: None }) as Box<dyn Cipher>)
    }
}

struct Kernel;

impl Random for Kernel {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        random::fill(dest).map_err(|_| Error::Rng)
    }
}

struct X25519 {
    /// `None` until it is set; also if secret memory ran out, which makes `dh` fail.
    private: Option<SecureBytes>,
    public: PublicStaticKey,
    /// What this very key shares with one peer: `generate` replaces it.
    shared: Option<Arc<StaticShared>>,
    ahead: Arc<Mutex<Option<KeyPair>>>,
}

impl X25519 {
    fn secret(&self) -> Result<StaticSecret, Error> {
        self.private.as_ref().map(scalar).ok_or(Error::Dh)
    }
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        KEY_BYTES
    }

    fn priv_len(&self) -> usize {
        KEY_BYTES
    }

    /// Takes a static key, whose public half the resolver was told.
    fn set(&mut self, private: &[u8]) {
        self.private = SecureBytes::copy_from(private).ok();
    }

    fn generate(&mut self, _: &mut dyn Random) -> Result<(), Error> {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner).take();
        let pair = ahead.map_or_else(KeyPair::generate, Ok).map_err(|_| Error::Rng)?;
        self.public = *pair.public();
        (self.private, self.shared) = pair.into_private();
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        self.private.as_ref().map_or(&[], SecureBytes::expose)
    }

    /// Refuses a point of low order, whose result anybody could know (RFC 7748, section 6.1).
    #[inline(never)]
    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let public = public.get(..KEY_BYTES).ok_or(Error::Dh)?;
        let out = out.get_mut(..KEY_BYTES).ok_or(Error::Dh)?;
        if let Some(known) = self.shared.as_ref().and_then(|shared| shared.with(public)) {
            out.copy_from_slice(known.expose());
            return Ok(());
        }
        let public = PublicStaticKey::try_from(public).map_err(|_| Error::Dh)?;
        let shared = self.secret()?.diffie_hellman(&PublicKey::from(public));
        if !shared.was_contributory() {
            return Err(Error::Dh);
        }
        out.copy_from_slice(shared.as_bytes());
        Ok(())
    }
}

struct AesGcm {
    key: Option<SecureBytes>,
}

impl AesGcm {
    fn cipher(&self) -> Option<Aes256Gcm> {
        Aes256Gcm::new_from_slice(self.key.as_ref()?.expose()).ok()
    }
}

/// Noise, section 12.4: four zero bytes and the counter, big endian.
fn nonce(counter: u64) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    nonce.into()
}

impl Cipher for AesGcm {
    fn name(&self) -> &'static str {
        "AESGCM"
    }

    fn set(&mut self, key: &[u8; KEY_BYTES]) {
        self.key = SecureBytes::copy_from(key).ok();
    }

    /// Returns 0, which no valid message has, if there is no key: snow gives no
    /// way to report, and the reader will refuse what it gets.
    #[inline(never)]
    fn encrypt(&self, counter: u64, aad: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let (body, rest) = out.split_at_mut(plaintext.len());
        let sealed = self.cipher().and_then(|cipher| {
            let buffer = InOutBuf::new(plaintext, body).ok()?;
            cipher.encrypt_inout_detached(&nonce(counter), aad, buffer).ok()
        });
        let Some(tag) = sealed else {
            out.zeroize();
            return 0;
        };
        rest[..TAG_BYTES].copy_from_slice(&tag);
        plaintext.len() + TAG_BYTES
    }

    #[inline(never)]
    fn decrypt(
        &self,
        counter: u64,
        aad: &[u8],
        ciphertext: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let len = ciphertext.len().checked_sub(TAG_BYTES).ok_or(Error::Decrypt)?;
        let (body, tag) = ciphertext.split_at(len);
        let tag = tag.try_into().map_err(|_| Error::Decrypt)?;
        let out = out.get_mut(..len).ok_or(Error::Decrypt)?;
        let buffer = InOutBuf::new(body, out).map_err(|_| Error::Decrypt)?;
        let cipher = self.cipher().ok_or(Error::Decrypt)?;
        cipher
            .decrypt_inout_detached(&nonce(counter), aad, buffer, &tag)
            .map_err(|_| Error::Decrypt)?;
        Ok(len)
    }
}

struct Blake2s(Blake2s256);

impl Hash for Blake2s {
    fn name(&self) -> &'static str {
        "BLAKE2s"
    }

    fn block_len(&self) -> usize {
        BLAKE2S_BLOCK_BYTES
    }

    fn hash_len(&self) -> usize {
        BLAKE2S_HASH_BYTES
    }

    fn reset(&mut self) {
        self.0 = Blake2s256::new();
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let mut digest = self.0.finalize_reset();
        out[..BLAKE2S_HASH_BYTES].copy_from_slice(&digest);
        digest.as_mut_slice().zeroize();
    }
}
