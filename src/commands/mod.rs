//! One small file a command; each runs in the caller's process.
#![forbid(unsafe_code)]

pub mod import;
