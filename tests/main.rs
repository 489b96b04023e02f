//! Claims about the program.

/// The manual and the completions say what the program does, all of it and no more.
mod docs;
