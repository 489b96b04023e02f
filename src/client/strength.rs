//! A word on a new password. It never stands in the way of one.
//!
//! An upper bound in spirit and no more than a guess in fact: it knows runs, repeats,
//! keyboards, years, words as such and a few dozen of the commonest passwords. What it
//! calls weak is weak; what it calls strong may still be a line of a song.

use std::fmt;

/// What a password is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    Weak,
    Fair,
    Strong,
}

/// With Argon2id at 64 MiB a thousand cores try some 2^14 a second: fewer bits than this
/// are a matter of days.
const FAIR_MIN_BITS: f64 = 36.0;
/// With so many, nobody lives to see it.
const STRONG_MIN_BITS: f64 = 56.0;
/// What a letter of a word adds: five random words of a list of 7,776 have 65 bits.
const WORD_LETTER_BITS: f64 = 2.4;
/// What a character adds that follows from the one before.
const PREDICTABLE_BITS: f64 = 0.5;
/// All of a common password together.
const COMMON_BITS: f64 = 6.0;

const KEYBOARD: [&[u8]; 4] = [b"qwertyuiop", b"asdfghjkl", b"zxcvbnm", b"qwertzuiop"];
/// From published lists, without what the other rules find.
const COMMON: [&[u8]; 36] = [
    b"password",
    b"passwort",
    b"passw0rd",
    b"p@ssword",
    b"p@ssw0rd",
    b"letmein",
    b"welcome",
    b"monkey",
    b"dragon",
    b"football",
    b"baseball",
    b"iloveyou",
    b"sunshine",
    b"princess",
    b"master",
    b"shadow",
    b"superman",
    b"batman",
    b"michael",
    b"jordan",
    b"admin",
    b"login",
    b"secret",
    b"trustno1",
    b"hunter2",
    b"starwars",
    b"whatever",
    b"charlie",
    b"default",
    b"changeme",
    b"summer",
    b"winter",
    b"spring",
    b"autumn",
    b"hello",
    b"love",
];

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weak => "this password is weak; five random words would be strong",
            Self::Fair => "this password is fair: guessing it takes much time and money",
            Self::Strong => "this password looks strong",
        })
    }
}

/// What `password` is worth. It is looked at where it lies and not copied.
pub(super) fn strength(password: &[u8]) -> Strength {
    match bits(password) {
        bits if bits < FAIR_MIN_BITS => Strength::Weak,
        bits if bits < STRONG_MIN_BITS => Strength::Fair,
        _ => Strength::Strong,
    }
}

fn bits(password: &[u8]) -> f64 {
    let (mut bits, mut at) = (0.0, 0);
    while at < password.len() {
        let rest = &password[at..];
        if let Some(len) = common(rest) {
            bits += COMMON_BITS;
            at += len;
        } else if let Some(len) = word(rest) {
            bits += WORD_LETTER_BITS * len as f64;
            at += len;
        } else {
            let predictable = at > 0 && follows(password[at - 1], password[at])
                || at > 2 && is_repeat(password, at);
            bits += if predictable { PREDICTABLE_BITS } else { worth(password, at) };
            at += 1;
        }
    }
    // However long, it is worth no more than two of each of its characters.
    bits.min(different(password) * 2.0 * class(b' ').log2())
}

/// What one character adds: a choice in its class, and one more if that is another class.
fn worth(password: &[u8], at: usize) -> f64 {
    let own = class(password[at]);
    let is_other = at == 0 || class(password[at - 1]) != own || password[at].is_ascii_uppercase();
    own.log2() + f64::from(u8::from(is_other))
}

/// How many characters are like this one.
fn class(byte: u8) -> f64 {
    match byte {
        b'0'..=b'9' => 10.0,
        b'a'..=b'z' | b'A'..=b'Z' => 26.0,
        b' '..=b'~' => 33.0,
        _ => 60.0,
    }
}

fn different(password: &[u8]) -> f64 {
    let seen = password.iter().fold([false; 256], |mut seen, &byte| {
        seen[usize::from(byte)] = true;
        seen
    });
    seen.iter().filter(|seen| **seen).count() as f64
}

fn common(rest: &[u8]) -> Option<usize> {
    let starts = |word: &&&[u8]| {
        rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    COMMON.iter().find(starts).map(|word| word.len())
}

/// A run of letters of which some are vowels is taken for a word.
fn word(rest: &[u8]) -> Option<usize> {
    let is_upper = |byte: &u8| byte.is_ascii_uppercase();
    // `CamelCase` is two words, `xTbL` is none.
    let first = usize::from(rest.first().is_some_and(is_upper));
    let len = first + rest[first..].iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    let vowels = rest[..len].iter().filter(|byte| b"aeiouyAEIOUY".contains(byte)).count();
    (len >= 3 && vowels * 5 >= len && vowels < len).then_some(len)
}

/// `a` again, the one after it or before it, or its neighbour on a keyboard.
fn follows(a: u8, b: u8) -> bool {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    let beside = |row: &&[u8]| {
        let place = |byte| row.iter().position(|&key| key == byte);
        matches!((place(a), place(b)), (Some(a), Some(b)) if a.abs_diff(b) == 1)
    };
    a.abs_diff(b) <= 1 || KEYBOARD.iter().any(beside)
}

/// Whether the three characters that end at `at` are there before as well.
fn is_repeat(password: &[u8], at: usize) -> bool {
    let three = &password[at - 2..=at];
    password[..at].windows(3).any(|before| before == three)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_choose_is_weak_and_what_dice_choose_is_strong() {
        for weak in [
            "",
            "a",
            "123456",
            "12345678901234567890",
            "password",
            "Password123!",
            "qwertyuiop",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabc",
            "Summer2026!",
            "hunter2",
            "letmeinletmein",
            "correct",
            "11112222",
            "monkey dragon",
        ] {
            assert_eq!(strength(weak.as_bytes()), Strength::Weak, "{weak}");
        }
        for strong in [
            "correct horse battery staple fuel",
            "G7#kq9!vXw2@pLz",
            "8f3kQz91xTbLw0",
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "unwed-glimpse-tarot-mosaic-flint",
        ] {
            assert_eq!(strength(strong.as_bytes()), Strength::Strong, "{strong}");
        }
        assert_eq!(strength(b"violet tractor 58"), Strength::Fair);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_get_a_word(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            let _ = strength(&bytes).to_string();
        }
    }
}
