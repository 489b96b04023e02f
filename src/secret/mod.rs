//! What is secret, and what names it.
#![forbid(unsafe_code)]

mod buffer;
mod bytes;
pub mod encode;
#[cfg(feature = "faults-on-purpose")]
pub mod faults;
mod name;

pub use buffer::SecureBuffer;
pub use bytes::{OutOfSecretMemory, SecureBytes};
pub use name::{
    CLIENT_NAME_MAX_BYTES, InvalidKey, InvalidProfile, KEY_MAX_BYTES, LAUNCHER, PROFILE_MAX_BYTES,
    TrustProfileName, validate_client_name, validate_secret_key,
};

/// A value has at most this many bytes: 1 MiB.
pub const VALUE_MAX_BYTES: usize = 1 << 20;
/// A password has 1 to this many bytes.
pub const PASSWORD_MAX_BYTES: usize = 4_096;
