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

/// Reads the syntax.
///
/// # Errors
/// Every place where it is wrong, in the words of the parser, which quotes nothing.
pub fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, Vec<(Range<usize>, String)>> {
    DeTable::parse(text).map_err(|first| {
        let all = if text.len() > RECOVERY_MAX_BYTES {
            vec![first]
        } else {
            DeTable::parse_recoverable(text).1
        };
        let found =
            |error: toml::de::Error| (error.span().unwrap_or(0..0), error.message().to_owned());
        all.into_iter().map(found).collect()
    })
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
