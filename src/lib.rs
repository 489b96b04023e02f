//! `pds` runs a command with exactly the secrets that its project's manifest asks for.
//!
//! # The path of a secret
//!
//! ```text
//! manifest → references → client → Noise channel → gates → cache → store
//!                                                                    │
//! execve ← environment block ← launcher ← Noise channel ←────────────┘
//! ```
//!
//! Two processes run this code, and which of them a line runs in is the first
//! thing a folder's name says. The **launcher** is the caller's process: single-threaded,
//! blocking, and gone at `execve`, when it *becomes* the command. The **daemon**
//! keeps what is unlocked. They meet only in [`wire`].
//!
//! Plaintext has one type, [`secret::SecureBytes`]; ciphertext one home, [`store`];
//! `unsafe` one folder, [`sys`].

pub mod commands;
pub mod crypto;
pub mod run;
pub mod secret;
pub mod store;
pub mod sys;
