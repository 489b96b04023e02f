//! Claims about the program.
