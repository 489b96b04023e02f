//! Field encryption on the daemon's side, where it was built in; otherwise values pass as they
//! are, at no cost. Both offer the same names, so that nothing else asks which it is.

#[cfg(not(feature = "ipc-field-encryption"))]
mod off;
#[cfg(feature = "ipc-field-encryption")]
mod on;

#[cfg(not(feature = "ipc-field-encryption"))]
pub(super) use off::{Fields, Keyring, key_for_launcher, unsealed};
#[cfg(feature = "ipc-field-encryption")]
pub(super) use on::{Fields, Keyring, key_for_launcher, unsealed};
