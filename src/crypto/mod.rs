//! Keys and sealing: from the password to the bytes that may touch a disk.
//!
//! ```text
//! password ─ Argon2id ─> master key ─┬─ vault key ─ entry key ─ AES-256-GCM ─> sealed value
//!                                    ├─ IPC encryption key
//!                                    ├─ header MAC key
//!                                    └─ generation MAC key
//! ```
//!
//! Whatever holds a key or a plaintext here is a [`SecureBytes`](crate::secret::SecureBytes)
//! or is wiped before the function returns. The functions that run a cipher or a hash over a
//! secret are never inlined: what they leave on the stack stays below their caller's frame,
//! where it can be wiped in one place.
#![forbid(unsafe_code)]

mod derive;
mod seal;

pub use derive::{
    DeriveError, KEY_BYTES, KdfParams, MEMORY_CEILING_KIB, MEMORY_FLOOR_KIB, SALT_BYTES,
    derive_audit_head_mac_key, derive_audit_line_key, derive_audit_seal_key, derive_entry_key,
    derive_generation_mac_key, derive_header_mac_key, derive_ipc_encryption_key, derive_key_argon2,
    derive_master_key, derive_vault_key, keyed_mac,
};
pub use seal::{NONCE_BYTES, SEAL_OVERHEAD_BYTES, SealError, TAG_BYTES, entry_aad, open, seal};
