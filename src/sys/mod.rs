//! The operating system, and the only `unsafe` code of the crate. Nothing here decides anything.
#![allow(unsafe_code)]
