//! `password:24:upper+lower+digit+symbol=-_`: a password by rules.
//!
//! Every password that keeps the rules is as likely as every other: characters are drawn
//! one like the other from all classes together, and what lacks a class is thrown away
//! whole. Putting the missing one in somewhere would prefer some passwords to others.

use std::{fmt, str::FromStr};

use super::generate::{GENERATE_MAX_BYTES, GENERATE_MIN_BYTES, InvalidGenerate, number};
use crate::secret::{OutOfSecretMemory, SecureBytes};

/// The symbols if the rules name none: they mean nothing to a shell, nor in a URL.
const USUAL_SYMBOLS: &str = "-._";
/// Random bytes that are asked of the kernel at once.
const POOL_BYTES: usize = 256;

/// How long a password is, and what of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordRules {
    length: usize,
    upper: bool,
    lower: bool,
    digit: bool,
    /// A bit for each ASCII character; none: no symbols.
    symbols: u128,
}

impl PasswordRules {
    pub(super) const NAME: &str = "password";

    /// A new password.
    ///
    /// # Errors
    /// [`OutOfSecretMemory`].
    pub fn make(&self) -> Result<SecureBytes, OutOfSecretMemory> {
        let alphabet: Vec<u8> = (0..128).filter(|&byte| self.has(byte)).collect();
        let mut password = SecureBytes::zeroed(self.length)?;
        let mut pool = Pool::new()?;
        loop {
            for place in password.expose_mut() {
                *place = pool.one_of(&alphabet)?;
            }
            if self.keeps(password.expose()) {
                return Ok(password);
            }
        }
    }

    fn classes(&self) -> [(&'static str, u128); 4] {
        let of = |wanted: bool, range: std::ops::RangeInclusive<u8>| {
            if wanted { range.fold(0, |mask, byte| mask | 1 << byte) } else { 0 }
        };
        [
            ("upper", of(self.upper, b'A'..=b'Z')),
            ("lower", of(self.lower, b'a'..=b'z')),
            ("digit", of(self.digit, b'0'..=b'9')),
            ("symbol", self.symbols),
        ]
    }

    fn has(&self, byte: u8) -> bool {
        self.classes().iter().any(|(_, mask)| mask >> byte & 1 == 1)
    }

    /// Whether there is one of each class.
    fn keeps(&self, password: &[u8]) -> bool {
        let there = password.iter().fold(0_u128, |mask, &byte| mask | 1 << (byte & 127));
        self.classes().iter().all(|(_, class)| *class == 0 || there & class != 0)
    }

    /// Whether guessing is hopeless: as many choices as [`GENERATE_MIN_BYTES`] bytes have.
    fn is_long_enough(&self) -> bool {
        let alphabet = self.classes().iter().fold(0, |all, (_, class)| all | class).count_ones();
        self.length as f64 * f64::from(alphabet).log2() >= (GENERATE_MIN_BYTES * 8) as f64
    }
}

/// Random bytes, in secret memory until they are used up.
struct Pool {
    bytes: SecureBytes,
    at: usize,
}

impl Pool {
    fn new() -> Result<Self, OutOfSecretMemory> {
        Ok(Self { bytes: SecureBytes::random(POOL_BYTES)?, at: 0 })
    }

    /// One of `alphabet`, each as likely as the others: bytes beyond the last whole
    /// multiple of its length are passed over.
    fn one_of(&mut self, alphabet: &[u8]) -> Result<u8, OutOfSecretMemory> {
        let whole = 256 - 256 % alphabet.len();
        loop {
            if self.at == POOL_BYTES {
                *self = Self::new()?;
            }
            let byte = usize::from(self.bytes.expose()[self.at]);
            self.at += 1;
            if byte < whole {
                return Ok(alphabet[byte % alphabet.len()]);
            }
        }
    }
}

/// `N`, or `N:` and classes joined by `+`, of which `symbol=…` comes last.
impl FromStr for PasswordRules {
    type Err = InvalidGenerate;

    fn from_str(text: &str) -> Result<Self, InvalidGenerate> {
        let (length, classes) = match text.split_once(':') {
            Some((length, classes)) => (length, classes),
            None => (text, "upper+lower+digit+symbol"),
        };
        let length = number(length).ok_or(InvalidGenerate::Length)?;
        let mut rules = Self { length, upper: false, lower: false, digit: false, symbols: 0 };
        let (plain, own) = match classes.split_once("symbol=") {
            Some((plain, own)) => (plain, Some(own)),
            None => (classes, None),
        };
        // Before `symbol=` stands nothing, or other classes and a `+`.
        let plain = match own {
            Some(_) if plain.is_empty() => "",
            Some(_) => plain.strip_suffix('+').ok_or(InvalidGenerate::Rules)?,
            None => plain,
        };
        let several = if own.is_some() && plain.is_empty() { None } else { Some(plain) };
        for class in several.into_iter().flat_map(|classes| classes.split('+')) {
            let already = match class {
                "upper" => std::mem::replace(&mut rules.upper, true),
                "lower" => std::mem::replace(&mut rules.lower, true),
                "digit" => std::mem::replace(&mut rules.digit, true),
                "symbol" => std::mem::replace(&mut rules.symbols, symbols(USUAL_SYMBOLS)?) != 0,
                _ => return Err(InvalidGenerate::Rules),
            };
            if already {
                return Err(InvalidGenerate::Rules);
            }
        }
        if let Some(own) = own {
            if rules.symbols != 0 {
                return Err(InvalidGenerate::Rules);
            }
            rules.symbols = symbols(own)?;
        }
        let fits = length <= GENERATE_MAX_BYTES && rules.is_long_enough();
        if fits { Ok(rules) } else { Err(InvalidGenerate::Length) }
    }
}

fn symbols(text: &str) -> Result<u128, InvalidGenerate> {
    let mut mask = 0;
    for byte in text.bytes() {
        if !byte.is_ascii_punctuation() || mask >> byte & 1 == 1 {
            return Err(InvalidGenerate::Symbols);
        }
        mask |= 1 << byte;
    }
    if mask == 0 { Err(InvalidGenerate::Symbols) } else { Ok(mask) }
}

impl fmt::Display for PasswordRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", Self::NAME, self.length)?;
        let there = self.classes().into_iter().filter(|(_, class)| *class != 0);
        for (n, (name, _)) in there.enumerate() {
            write!(f, "{}{name}", if n == 0 { ":" } else { "+" })?;
        }
        if self.symbols != 0 {
            f.write_str("=")?;
        }
        let symbols = (0..128_u8).filter(|&byte| self.symbols >> byte & 1 == 1);
        symbols.into_iter().try_for_each(|byte| fmt::Write::write_char(f, char::from(byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<PasswordRules, InvalidGenerate> {
        text.parse()
    }

    #[test]
    fn a_password_has_one_of_each_class_and_nothing_else() {
        for (text, classes) in [
            ("11", vec!["ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "-._"]),
            ("20:digit", vec!["0123456789"]),
            ("24:lower+symbol=+=:", vec!["+=:", "abcdefghijklmnopqrstuvwxyz"]),
            ("64:symbol=!?", vec!["!", "?"]),
        ] {
            let rules = rules(text).unwrap();
            for _ in 0..50 {
                let made = rules.make().unwrap();
                assert_eq!(made.len(), rules.length);
                assert!(made.expose().iter().all(|&byte| rules.has(byte)), "{text}");
                for class in classes.iter().filter(|class| class.len() > 1) {
                    let there = made.expose().iter().any(|byte| class.as_bytes().contains(byte));
                    assert!(there, "{text}: none of {class}");
                }
            }
        }
    }

    #[test]
    fn each_character_is_as_likely_as_the_others() {
        // 65 characters: with a bare modulo the first 61 would come a third more often.
        let rules = rules("4096").unwrap();
        let mut counts = [0_u32; 128];
        for _ in 0..32 {
            rules.make().unwrap().expose().iter().for_each(|&b| counts[usize::from(b)] += 1);
        }
        let expected = 32.0 * 4096.0 / 65.0;
        let of = |byte: usize| f64::from(counts[byte]);
        let chi: f64 = (0..128)
            .filter(|&byte| rules.has(byte as u8))
            .map(|byte| (of(byte) - expected).powi(2) / expected)
            .sum();
        // 64 degrees of freedom: more than 160 once in 10^9; a bare modulo gives thousands.
        assert!(chi < 160.0, "{chi}");
    }

    #[test]
    fn rules_that_are_none_or_too_weak_are_refused() {
        use InvalidGenerate::*;
        for (text, why) in [
            ("", Length),
            ("x", Length),
            ("10", Length),
            ("19:digit", Length),
            ("4097", Length),
            ("24:", Rules),
            ("24:uper", Rules),
            ("24:upper+upper", Rules),
            ("24:symbol+symbol=-", Rules),
            ("24:uppersymbol=-", Rules),
            ("24:symbol=", Symbols),
            ("24:symbol=--", Symbols),
            ("24:symbol=-a", Symbols),
            ("24:symbol= ", Symbols),
            ("24:symbol=é", Symbols),
            ("4000:symbol=-", Length),
        ] {
            assert_eq!(rules(text), Err(why), "{text}");
        }
    }

    #[test]
    fn equal_rules_are_written_the_same_way() {
        let written = |text: &str| rules(text).unwrap().to_string();
        assert_eq!(written("24"), "password:24:upper+lower+digit+symbol=-._");
        assert_eq!(written("64:symbol=_.-"), "password:64:symbol=-._");
        assert_eq!(written("24:digit+lower+upper+symbol"), written("24"));
    }
}
