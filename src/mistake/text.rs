//! The text of a TOML file, as both of ours are walked: by hand, because a derived reader
//! stops at the first mistake.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

/// A name of more bytes is not shown.
const NAME_SHOWN_MAX_BYTES: usize = 64;
/// A longer file with an error in its syntax has only the first shown: after each the
/// parser goes on, and garbage has as many errors as bytes.
const RECOVERY_MAX_BYTES: usize = 32 * 1024;

/// A name in a table.
pub type Name<'i> = Spanned<DeString<'i>>;
/// A value in one.
pub type Value<'i> = Spanned<DeValue<'i>>;

/// A text whose syntax is wrong.
#[derive(Debug)]
pub struct Broken {
    /// Every place, in the words of the parser, which quotes nothing.
    pub wrong: Vec<(Range<usize>, String)>,
    /// The text without the lines of these places, if it can be read then. What is somewhere
    /// in it is there in the text as well.
    pub rest: Option<String>,
}

/// Reads the syntax.
///
/// # Errors
/// [`Broken`], with every place where it is wrong.
pub fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, Broken> {
    DeTable::parse(text).map_err(|first| {
        let all = if text.len() > RECOVERY_MAX_BYTES {
            vec![first]
        } else {
            DeTable::parse_recoverable(text).1
        };
        let found =
            |error: toml::de::Error| (error.span().unwrap_or(0..0), error.message().to_owned());
        let wrong: Vec<_> = all.into_iter().map(found).collect();
        let rest = without(text, &wrong);
        Broken { wrong, rest }
    })
}

/// The parser's own recovery loses whole tables, or takes one's entries for another's; a
/// line that is left out does so only if it begins a table.
fn without(text: &str, wrong: &[(Range<usize>, String)]) -> Option<String> {
    if wrong.len() >= super::MISTAKES_SHOWN || text.len() > RECOVERY_MAX_BYTES {
        return None;
    }
    let mut rest = text.to_owned().into_bytes();
    for (at, _) in wrong {
        let from = text.floor_char_boundary(at.start);
        let to = text.floor_char_boundary(at.end.max(from));
        let start = text[..from].rfind('\n').map_or(0, |found| found + 1);
        let end = text[to..].find('\n').map_or(text.len(), |len| to + len);
        if text[start..end].trim_start().starts_with('[') {
            return None;
        }
        rest[start..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    }
    let rest = String::from_utf8(rest).ok()?;
    DeTable::parse(&rest).is_ok().then_some(rest)
}

/// The entries of a table in the order of the text, which TOML's own map loses.
#[must_use]
pub fn in_order<'v, 'i>(table: &'v DeTable<'i>) -> Vec<(&'v Name<'i>, &'v Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

/// What a value is, with its article.
#[must_use]
pub fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A name, unless it could play tricks on a terminal or is a value in the wrong place.
#[must_use]
pub fn showable(name: &str) -> Option<String> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (name.len() <= NAME_SHOWN_MAX_BYTES && name.bytes().all(is_plain)).then(|| name.to_owned())
}

/// ` `NAME``, or nothing for a name that is not shown.
#[must_use]
pub fn quoted(name: &Option<String>) -> String {
    name.as_ref().map_or_else(String::new, |name| format!(" `{name}`"))
}
