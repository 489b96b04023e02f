//! The caller's process, from the manifest to the command's environment.
//!
//! ```text
//! manifest: find → read once → parse   (what is asked for)
//! refused: may this variable be set?   (what is refused)
//! environment: bind, compose, check    (what the command will see)
//! ```
//!
//! All of it but reading the manifest is pure: bytes in, values out, every problem
//! at once. Nothing here asks the daemon or runs anything.
#![forbid(unsafe_code)]

pub mod environment;
pub mod manifest;
pub mod pattern;
pub mod refused;
pub mod variable;
