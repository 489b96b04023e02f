//! `generate = "hex:32"`: how a value that isn't there yet is made.

use std::str::FromStr;

use crate::secret::{OutOfSecretMemory, SecureBytes, encode};

/// Fewer random bytes than this are no secret.
pub const GENERATE_MIN_BYTES: usize = 8;
/// More random bytes than this are a mistake.
pub const GENERATE_MAX_BYTES: usize = 4096;

/// How the random bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Two lower-case digits a byte.
    Hex,
    /// RFC 4648, with padding.
    Base64,
    /// RFC 4648 section 5, without padding.
    Base64Url,
}

impl Writing {
    /// Every way to write, and its name.
    pub const ALL: [(&str, Self); 3] =
        [("hex", Self::Hex), ("base64", Self::Base64), ("base64url", Self::Base64Url)];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("", |&(name, _)| name)
    }
}

/// A value to be made from kernel randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generate {
    /// How it is written.
    pub writing: Writing,
    /// How many random bytes it has before it is written.
    pub bytes: usize,
}

impl Generate {
    /// A new value.
    ///
    /// # Errors
    /// [`OutOfSecretMemory`].
    pub fn make(&self) -> Result<SecureBytes, OutOfSecretMemory> {
        let random = SecureBytes::random(self.bytes)?;
        match self.writing {
            Writing::Hex => encode::hex(random.expose()),
            Writing::Base64 => encode::base64(random.expose()),
            Writing::Base64Url => encode::base64_url(random.expose()),
        }
    }
}

/// Not a way to make a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a way to make a value is `hex:N`, `base64:N` or `base64url:N`, of {GENERATE_MIN_BYTES} to {GENERATE_MAX_BYTES} random bytes"
)]
pub struct InvalidGenerate;

impl FromStr for Generate {
    type Err = InvalidGenerate;

    fn from_str(text: &str) -> Result<Self, InvalidGenerate> {
        let (name, bytes) = text.split_once(':').ok_or(InvalidGenerate)?;
        let known = Writing::ALL.iter().find(|(known, _)| *known == name);
        let &(_, writing) = known.ok_or(InvalidGenerate)?;
        if !bytes.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidGenerate); // `+32` would be a second way to write the same
        }
        let bytes = bytes.parse().map_err(|_| InvalidGenerate)?;
        let fits = (GENERATE_MIN_BYTES..=GENERATE_MAX_BYTES).contains(&bytes);
        if fits { Ok(Self { writing, bytes }) } else { Err(InvalidGenerate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_to_make_a_value_is_a_writing_and_a_number() {
        assert_eq!("hex:32".parse(), Ok(Generate { writing: Writing::Hex, bytes: 32 }));
        for text in [
            "",
            "hex",
            "hex:",
            "hex:7",
            "hex:4097",
            "hex:+32",
            "Hex:32",
            "uuid:32",
            "hex:99999999999999999999999",
        ] {
            assert_eq!(text.parse::<Generate>(), Err(InvalidGenerate), "{text}");
        }
    }
}
