//! Claims about the program.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that can't go on should say where")]

/// What is on the audit trail, and that it can't be altered unseen.
mod audit;
