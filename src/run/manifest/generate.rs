//! `generate = "hex:32"`: how a value that isn't there yet is made.

use std::{fmt, str::FromStr};

use super::password::PasswordRules;
use crate::secret::{OutOfSecretMemory, SecureBytes, encode};

/// Fewer random bytes than this are no secret. A password must have as many choices.
pub const GENERATE_MIN_BYTES: usize = 8;
/// More random bytes than this, or a longer password, are a mistake.
pub const GENERATE_MAX_BYTES: usize = 4096;

/// How random bytes are written.
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
pub enum Generate {
    /// Random bytes, written in letters.
    Bytes {
        /// How they are written.
        writing: Writing,
        /// How many there are before that.
        bytes: usize,
    },
    /// Characters of several classes, with one of each at least.
    Password(PasswordRules),
    /// A UUID of version 4 (RFC 9562), in lower case.
    Uuid,
}

impl Generate {
    /// A new value.
    ///
    /// # Errors
    /// [`OutOfSecretMemory`].
    pub fn make(&self) -> Result<SecureBytes, OutOfSecretMemory> {
        match self {
            Self::Bytes { writing, bytes } => {
                let random = SecureBytes::random(*bytes)?;
                match writing {
                    Writing::Hex => encode::hex(random.expose()),
                    Writing::Base64 => encode::base64(random.expose()),
                    Writing::Base64Url => encode::base64_url(random.expose()),
                }
            }
            Self::Password(rules) => rules.make(),
            Self::Uuid => uuid(),
        }
    }
}

fn uuid() -> Result<SecureBytes, OutOfSecretMemory> {
    let mut random = SecureBytes::random(16)?;
    let bytes = random.expose_mut();
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let digits = encode::hex(random.expose())?;
    let mut written = SecureBytes::zeroed(36)?;
    let mut digits = digits.expose().iter();
    for (at, place) in written.expose_mut().iter_mut().enumerate() {
        let dash = matches!(at, 8 | 13 | 18 | 23);
        *place = if dash { b'-' } else { digits.next().copied().unwrap_or(b'0') };
    }
    Ok(written)
}

/// As it is written in a manifest, with everything that it leaves to the defaults: equal
/// exactly for equal ways.
impl fmt::Display for Generate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { writing, bytes } => write!(f, "{}:{bytes}", writing.name()),
            Self::Password(rules) => rules.fmt(f),
            Self::Uuid => f.write_str("uuid"),
        }
    }
}

/// Not a way to make a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGenerate {
    /// No known form.
    #[error("a way to make a value is `hex:N`, `base64:N`, `base64url:N`, `password:N` or `uuid`")]
    Form,
    /// Too few random bytes, or too many.
    #[error(
        "`hex`, `base64` and `base64url` take {GENERATE_MIN_BYTES} to {GENERATE_MAX_BYTES} random bytes"
    )]
    Bytes,
    /// Not the rules of a password.
    #[error("the rules of a password are `upper`, `lower`, `digit` and `symbol`, joined by `+`")]
    Rules,
    /// What can't be a symbol, or is there twice.
    #[error("symbols are ASCII, neither letters nor digits nor blanks, each once")]
    Symbols,
    /// A password that can be guessed, or one that is too long.
    #[error(
        "a password is as long as it takes for 64 random bits, and at most {GENERATE_MAX_BYTES} characters"
    )]
    Length,
}

impl FromStr for Generate {
    type Err = InvalidGenerate;

    fn from_str(text: &str) -> Result<Self, InvalidGenerate> {
        if text == "uuid" {
            return Ok(Self::Uuid);
        }
        let (name, rest) = text.split_once(':').ok_or(InvalidGenerate::Form)?;
        if name == PasswordRules::NAME {
            return rest.parse().map(Self::Password);
        }
        let known = Writing::ALL.iter().find(|(known, _)| *known == name);
        let &(_, writing) = known.ok_or(InvalidGenerate::Form)?;
        let bytes = number(rest).ok_or(InvalidGenerate::Bytes)?;
        let fits = (GENERATE_MIN_BYTES..=GENERATE_MAX_BYTES).contains(&bytes);
        if fits { Ok(Self::Bytes { writing, bytes }) } else { Err(InvalidGenerate::Bytes) }
    }
}

/// Digits alone: `+32` would be a second way to write the same.
pub(super) fn number(text: &str) -> Option<usize> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_to_make_a_value_is_a_writing_and_a_number() {
        assert_eq!("hex:32".parse(), Ok(Generate::Bytes { writing: Writing::Hex, bytes: 32 }));
        assert_eq!("uuid".parse(), Ok(Generate::Uuid));
        for text in ["", "hex", "Hex:32", "uuid:32", "passwords:20", "32"] {
            assert_eq!(text.parse::<Generate>(), Err(InvalidGenerate::Form), "{text}");
        }
        for text in ["hex:", "hex:7", "hex:4097", "hex:+32", "hex:99999999999999999999999"] {
            assert_eq!(text.parse::<Generate>(), Err(InvalidGenerate::Bytes), "{text}");
        }
    }

    #[test]
    fn a_uuid_is_of_version_four_and_its_rfcs_variant() {
        for _ in 0..64 {
            let made = Generate::Uuid.make().unwrap();
            let text = str::from_utf8(made.expose()).unwrap();
            let groups: Vec<_> = text.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12]);
            let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            assert!(text.bytes().all(|b| b == b'-' || hex(b)), "{text}");
            assert!(text.as_bytes()[14] == b'4' && b"89ab".contains(&text.as_bytes()[19]));
        }
    }

    #[test]
    fn what_is_written_reads_back_as_the_same_way() {
        for text in ["hex:8", "base64:33", "base64url:4096", "uuid", "password:24"] {
            let way: Generate = text.parse().unwrap();
            assert_eq!(way.to_string().parse(), Ok(way));
        }
    }
}
