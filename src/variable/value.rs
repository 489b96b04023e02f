//! What no variable's value can be, whoever sets it.

/// How a function that bash imports from the environment starts (CVE-2014-6271).
pub const BASH_FUNCTION: &[u8] = b"() {";
/// One string has at most this many bytes with its final NUL: 32 pages.
pub const MAX_ARG_STRLEN: usize = 131_072;
