//! What the kernel takes at `execve` (`fs/exec.c`), checked before: its own answer is a
//! bare E2BIG that names nothing.

use super::{Entry, Environment, MAX_ARG_STRLEN};
use crate::say::escaped;

/// All values of `[compose]` together: the kernel never takes more strings. A few lines of a
/// stranger's manifest could ask for any number of them.
pub const COMPOSED_MAX_BYTES: usize = 6 * 1024 * 1024;
/// All strings together may always have this many bytes, whatever the stack's limit.
const ARG_MAX: u64 = 128 * 1024;
/// And never more: three quarters of the default stack (`_STK_LIM`) of 8 MiB.
const STRINGS_MAX: u64 = COMPOSED_MAX_BYTES as u64;
/// Each string also costs a pointer.
const POINTER: u64 = size_of::<usize>() as u64;

/// The command with its environment is too large for the kernel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// An argument, by itself. Counted from 0, the command's name.
    #[error("argument {index} has {len} bytes: the kernel's limit is {MAX_ARG_STRLEN}")]
    Argument {
        /// Its place.
        index: usize,
        /// With its final NUL.
        len: usize,
    },
    /// A variable by itself: its name, escaped.
    #[error("`{0}` with its value is longer than the kernel's limit of {MAX_ARG_STRLEN} bytes")]
    Variable(String),
    /// All together.
    #[error(
        "arguments and environment are larger than the kernel's limit of {limit} bytes here; the largest variable is `{largest}`"
    )]
    Together {
        /// What fits.
        limit: u64,
        /// The variable with most bytes, escaped; empty if there is none.
        largest: String,
    },
}

impl TooLarge {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Together { .. } => Some(
                "inherit less (`--clean`), or raise the stack's limit (`ulimit -s`)".to_owned(),
            ),
            _ => None,
        }
    }
}

/// How many bytes arguments, environment and the pointers to them may have, if the stack
/// may have `stack` bytes (`RLIMIT_STACK`, the soft limit; `u64::MAX` for none).
#[must_use]
pub fn kernel_limit(stack: u64) -> u64 {
    (stack / 4).clamp(ARG_MAX, STRINGS_MAX)
}

impl Environment<'_> {
    /// Whether the kernel will take this environment with the arguments `argv` for the
    /// file `file`, if the stack may have `stack` bytes.
    ///
    /// A script needs a little more, for the interpreter that its first line names.
    ///
    /// # Errors
    /// Every string that is too long, or that all together are.
    pub fn check_size(&self, file: &[u8], argv: &[&[u8]], stack: u64) -> Result<(), Vec<TooLarge>> {
        let arguments = argv.iter().enumerate().map(|(index, text)| (index, text.len() + 1));
        let too_long = arguments.filter(|&(_, len)| len > MAX_ARG_STRLEN);
        let mut problems: Vec<_> =
            too_long.map(|(index, len)| TooLarge::Argument { index, len }).collect();
        let too_long = self.entries().iter().filter(|entry| entry.len() > MAX_ARG_STRLEN);
        problems.extend(too_long.map(|entry| TooLarge::Variable(shown(entry))));
        let strings = file.len() + 1 + argv.iter().map(|text| text.len() + 1).sum::<usize>();
        let pointers = POINTER * (argv.len().max(1) + self.entries().len()) as u64;
        let len = (strings + self.len()) as u64 + pointers;
        let limit = kernel_limit(stack);
        if problems.is_empty() && len > limit {
            let largest = self.entries().iter().max_by_key(|entry| entry.len());
            let largest = largest.map(shown).unwrap_or_default();
            problems.push(TooLarge::Together { limit, largest });
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

/// The name as a terminal may have it. What has no name may be a value: it isn't shown.
fn shown(entry: &Entry<'_>) -> String {
    match entry {
        Entry::Inherited(text) if super::name_of(text).is_none() => "?".to_owned(),
        _ => {
            escaped(&String::from_utf8_lossy(entry.name())).to_string().chars().take(128).collect()
        }
    }
}
