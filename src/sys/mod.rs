//! The operating system, and the only `unsafe` code of the crate. Nothing here
//! decides anything: each file wraps one thing the kernel or libc does, and
//! says in its SAFETY comments which property makes that sound.
#![allow(unsafe_code)]

mod alloc;
pub(crate) mod arena;
pub mod deadline;
pub mod exec;
pub mod heap;
pub mod kernel;
#[cfg(feature = "ipc-field-encryption")]
pub mod keyring;
pub mod pidfd;
pub mod process;
pub mod random;
mod readable;
mod region;
pub mod rest;
pub(crate) mod spare;
pub mod stack;
pub mod start;
pub mod terminal;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;

pub use alloc::{WipingAllocator, give_large_blocks_back};
pub use readable::watch_readable;
pub use region::{Protection, Region, RegionError, weakest_protection};
