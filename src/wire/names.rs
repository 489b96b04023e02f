//! Names for completion in a shell.

use minicbor::{Decode, Encode};

/// The names of keys are answered to a completion up to this many; a person who sees
/// more types another letter.
pub const NAMES_MAX: usize = 500;

/// The beginning of a key's name and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct KeyPrefix<'b> {
    /// The profile.
    #[b(0)]
    pub profile: &'b str,
    /// What the key begins with.
    #[b(1)]
    pub prefix: &'b str,
}
