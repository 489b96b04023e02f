//! Patterns of variable names: `*` stands for any characters, or none.

use std::fmt;

/// A pattern has 1 to this many bytes, as a name has.
pub const PATTERN_MAX_BYTES: usize = super::VARIABLE_MAX_BYTES;

/// Whether `A` and `a` are one letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// As the kernel and every program have it.
    Matters,
    /// For refusing: libcurl reads `http_proxy`, npm reads `NPM_CONFIG_*` in either case.
    Ignored,
}

/// Whether the whole of `name` is of the form `pattern`.
///
/// At most `pattern.len() × name.len()` steps: only the last `*` is ever gone back to.
pub(crate) fn matches(pattern: &[u8], name: &[u8], case: Case) -> bool {
    let same = |a: u8, b: u8| a == b || (case == Case::Ignored && a.eq_ignore_ascii_case(&b));
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match (pattern.get(p), star) {
            (Some(b'*'), _) => {
                star = Some((p, n));
                p += 1;
            }
            (Some(&c), _) if same(c, name[n]) => {
                p += 1;
                n += 1;
            }
            (_, Some((at, taken))) => {
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
            (_, None) => return false,
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

/// Whether the whole of `key` is of the form `pattern`, letter for letter.
#[must_use]
pub fn is_of(key: &str, pattern: &str) -> bool {
    matches(pattern.as_bytes(), key.as_bytes(), Case::Matters)
}

/// A name, or a form of names with `*`, of `[A-Za-z0-9_*]{1,128}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamePattern(String);

/// A text that can't be a pattern of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pattern has 1 to {PATTERN_MAX_BYTES} letters, digits, `_` and `*`")]
pub struct InvalidPattern;

impl NamePattern {
    /// Checks `pattern` and takes it.
    ///
    /// # Errors
    /// [`InvalidPattern`] if it is empty, longer than [`PATTERN_MAX_BYTES`], or has
    /// another character.
    pub fn new(pattern: &str) -> Result<Self, InvalidPattern> {
        let fits = (1..=PATTERN_MAX_BYTES).contains(&pattern.len())
            && pattern.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'*');
        if fits { Ok(Self(pattern.to_owned())) } else { Err(InvalidPattern) }
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `name` is of this form, letter for letter.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        matches(self.0.as_bytes(), name, Case::Matters)
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_or_none() {
        for (pattern, name, expected) in [
            ("PATH", "PATH", true),
            ("PATH", "PATHS", false),
            ("PATH", "PAT", false),
            ("LC_*", "LC_", true),
            ("LC_*", "LC_ALL", true),
            ("LC_*", "XLC_ALL", false),
            ("*_TOKEN", "A_TOKEN_TOKEN", true),
            ("VK_*LAYER*", "VK_A_LAYER_PATH", true),
            ("VK_*LAYER*", "VK_A_LAYE_PATH", false),
            ("*", "", true),
            ("", "", true),
            ("", "A", false),
            ("A**B", "AB", true),
        ] {
            let found = matches(pattern.as_bytes(), name.as_bytes(), Case::Matters);
            assert_eq!(found, expected, "{pattern} {name}");
        }
    }

    #[test]
    fn case_matters_where_it_does() {
        assert!(!matches(b"path", b"PATH", Case::Matters));
        assert!(matches(b"path*", b"PATHS", Case::Ignored));
    }

    #[test]
    fn a_pattern_made_to_go_back_for_ever_does_not() {
        let pattern = "*a".repeat(64);
        let name = "a".repeat(127) + "b";
        assert!(!matches(pattern.as_bytes(), name.as_bytes(), Case::Matters));
    }

    #[test]
    fn a_pattern_never_leaves_its_alphabet() {
        for text in ["", "A?", "A B", "A=", "é", &"A".repeat(129)] {
            assert_eq!(NamePattern::new(text), Err(InvalidPattern), "{text:?}");
        }
        assert!(NamePattern::new("LC_*").is_ok());
    }
}
