//! JSON files: an object of strings, whole numbers and booleans, nested at will.
//!
//! Strings pass through the library's buffer on their way into secret memory, if they
//! have escapes.

use std::{collections::BTreeSet, fmt, io::Write};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroize;

use super::{IMPORT_MAX_ENTRIES, Imported};
use crate::{
    say::escaped,
    secret::{InvalidKey, OutOfSecretMemory, SecureBytes, validate_secret_key},
};

/// A longer name is cut off in messages.
const NAME_SHOWN_MAX_CHARS: usize = 128;

/// What is wrong with a JSON file. Nothing of its content is in it but names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct JsonError {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes: where that line's text begins. Where the reader had got to would tell
    /// how long the values before it are.
    pub column: usize,
    /// What is wrong.
    pub problem: JsonProblem,
}

/// What can be wrong with a JSON file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonProblem {
    /// Not JSON, or nested deeper than 127 levels.
    #[error("this is not JSON")]
    Syntax,
    /// It ends in the middle.
    #[error("the file ends in the middle")]
    Truncated,
    /// Something other than an object around everything.
    #[error("an object of names and values is expected")]
    NotAnObject,
    /// An array.
    #[error("`{name}` is a list: a secret is one value")]
    List {
        /// Whose value.
        name: String,
    },
    /// A null.
    #[error("`{name}` is null: a secret is a value")]
    Null {
        /// Whose value.
        name: String,
    },
    /// A number with a fraction or an exponent, or of more than 64 bits.
    #[error("`{name}` is a number that can be written in more than one way")]
    Number {
        /// Whose value.
        name: String,
    },
    /// A name that no key can be made of.
    #[error("`{name}` can't be a key: {reason}")]
    Name {
        /// The names down to it, joined by `/`.
        name: String,
        /// The rule that it breaks.
        reason: InvalidKey,
    },
    /// A name that was there before.
    #[error("`{name}` is there twice")]
    Duplicate {
        /// The names down to it, joined by `/`.
        name: String,
    },
    /// More than [`IMPORT_MAX_ENTRIES`].
    #[error("a file has at most {IMPORT_MAX_ENTRIES} values")]
    TooMany,
    /// Secret memory ran out.
    #[error(transparent)]
    OutOfSecretMemory(#[from] OutOfSecretMemory),
}

impl JsonProblem {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Number { .. } => Some("put it in quotes"),
            Self::List { .. } => Some("put the list in quotes, as the text that it should be"),
            Self::Null { .. } => Some("remove it, or write `\"\"`"),
            _ => None,
        }
    }
}

/// The values of the JSON file `text`, in its order, nested names joined by `/`.
///
/// # Errors
/// The first problem. Nothing is returned unless all of the file was understood.
pub fn parse(text: &[u8]) -> Result<Vec<Imported>, JsonError> {
    let mut walk = Walk::new();
    let mut json = serde_json::Deserializer::from_slice(text);
    let parsed = Place(&mut walk).deserialize(&mut json).and_then(|()| json.end());
    match parsed {
        Ok(()) => Ok(walk.values),
        Err(error) => {
            let syntax = if error.is_eof() { JsonProblem::Truncated } else { JsonProblem::Syntax };
            let problem = walk.problem.take().unwrap_or(syntax);
            let line = error.line();
            Err(JsonError { line, column: column_of_text(text, line), problem })
        }
    }
}

/// Where the text of a line begins, from 1.
pub(super) fn column_of_text(text: &[u8], line: usize) -> usize {
    let line = text.split(|b| *b == b'\n').nth(line.saturating_sub(1)).unwrap_or_default();
    line.len() - line.trim_ascii_start().len() + 1
}

/// Names on the way down to a value, and the values that were met.
pub(super) struct Walk {
    /// Names joined by `/`.
    pub(super) path: String,
    pub(super) values: Vec<Imported>,
    seen: BTreeSet<String>,
    /// What went wrong: serde's own errors are texts, and may quote a value.
    problem: Option<JsonProblem>,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self { path: String::new(), values: Vec::new(), seen: BTreeSet::new(), problem: None }
    }

    fn fail<E: serde::de::Error>(&mut self, problem: impl Into<JsonProblem>) -> E {
        self.problem = Some(problem.into());
        E::custom("see the problem")
    }

    fn keep<E: serde::de::Error>(&mut self, value: &[u8]) -> Result<(), E> {
        if self.path.is_empty() {
            return Err(self.fail(JsonProblem::NotAnObject));
        }
        self.add(value).map_err(|problem| self.fail(problem))
    }

    /// Goes down to `name`.
    pub(super) fn enter(&mut self, name: &str) -> Result<(), JsonProblem> {
        if !self.path.is_empty() {
            self.path.push('/');
        }
        if name.is_empty() {
            return Err(JsonProblem::Name { name: self.shown(), reason: InvalidKey::EmptySegment });
        }
        self.path.push_str(name);
        Ok(())
    }

    /// Keeps the value at the path.
    pub(super) fn add(&mut self, value: &[u8]) -> Result<(), JsonProblem> {
        if let Err(reason) = validate_secret_key(&self.path) {
            return Err(JsonProblem::Name { name: self.shown(), reason });
        }
        if self.values.len() == IMPORT_MAX_ENTRIES {
            return Err(JsonProblem::TooMany);
        }
        let name = self.path.clone();
        if !self.seen.insert(name.clone()) {
            return Err(JsonProblem::Duplicate { name });
        }
        self.values.push(Imported { name, value: SecureBytes::copy_from(value)? });
        Ok(())
    }

    fn number<E: serde::de::Error>(&mut self, number: impl fmt::Display) -> Result<(), E> {
        let mut digits = [0_u8; 24]; // the longest is -9223372036854775808
        let mut rest = &mut digits[..];
        let written = write!(rest, "{number}");
        let len = 24 - rest.len();
        let kept = match written {
            Ok(()) => self.keep(&digits[..len]),
            Err(_) => Err(E::custom("a number of more than 24 digits")),
        };
        digits.zeroize();
        kept
    }

    fn refuse<E: serde::de::Error>(&mut self, problem: fn(String) -> JsonProblem) -> E {
        if self.path.is_empty() {
            return self.fail(JsonProblem::NotAnObject);
        }
        let name = self.shown();
        self.fail(problem(name))
    }

    /// The path as a message may have it: a file's names can be anything.
    pub(super) fn shown(&self) -> String {
        escaped(&self.path).to_string().chars().take(NAME_SHOWN_MAX_CHARS).collect()
    }
}

/// The value at the path that has been walked.
struct Place<'w>(&'w mut Walk);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, a string, a whole number or a boolean")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.keep(text.as_bytes())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.0.keep(if value { b"true" } else { b"false" })
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        self.0.number(number)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        self.0.number(number)
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Err(self.0.refuse(|name| JsonProblem::Number { name }))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Err(self.0.refuse(|name| JsonProblem::Null { name }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.0.refuse(|name| JsonProblem::List { name }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let walked = self.0.path.len();
        while let Some(name) = object.next_key::<String>()? {
            self.0.enter(&name).map_err(|problem| self.0.fail(problem))?;
            object.next_value_seed(Place(self.0))?;
            self.0.path.truncate(walked);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let values = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let text = |value: SecureBytes| String::from_utf8(value.expose().to_vec()).unwrap();
        values.into_iter().map(|found| (found.name, text(found.value))).collect()
    }

    #[test]
    fn strings_whole_numbers_and_booleans_are_values_and_nesting_makes_names() {
        let text =
            r#"{"B": "x\n\u00e9", "db": {"main": {"port": 5432}, "x": -1}, "on": true, "e": ""}"#;
        let expected =
            [("B", "x\né"), ("db/main/port", "5432"), ("db/x", "-1"), ("on", "true"), ("e", "")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(values(text), expected);
        assert_eq!(values(r#"{"a": 18446744073709551615, "b": -9223372036854775808}"#).len(), 2);
        assert!(values("{}").is_empty());
    }

    #[test]
    fn each_problem_is_named() {
        use JsonProblem::*;
        let name = || "a".to_owned();
        for (text, problem) in [
            ("", Truncated),
            ("{\"a\": \"x", Truncated),
            ("{a: 1}", Syntax),
            ("{} x", Syntax),
            ("\"hunter2\"", NotAnObject),
            ("[1]", NotAnObject),
            ("null", NotAnObject),
            ("{\"a\": [1]}", List { name: name() }),
            ("{\"a\": null}", Null { name: name() }),
            ("{\"a\": 1.10}", Number { name: name() }),
            ("{\"a\": 1e3}", Number { name: name() }),
            ("{\"a\": 18446744073709551616}", Number { name: name() }),
            ("{\"a\": 1, \"a\": 2}", Duplicate { name: name() }),
            ("{\"a/b\": 1, \"a\": {\"b\": 2}}", Duplicate { name: "a/b".to_owned() }),
            ("{\"a b\": 1}", Name { name: "a b".to_owned(), reason: InvalidKey::Character }),
            ("{\"\": 1}", Name { name: String::new(), reason: InvalidKey::EmptySegment }),
            (
                "{\"a\": {\"..\": 1}}",
                Name { name: "a/..".to_owned(), reason: InvalidKey::DotSegment },
            ),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().problem, problem, "{text}");
        }
        let deep = "{\"a\":".repeat(100_000);
        assert_eq!(parse(deep.as_bytes()).unwrap_err().problem, Syntax);
    }

    #[test]
    fn an_error_has_a_place_and_no_value() {
        let error = parse(b"{\n  \"a\": \"hunter2\",\n  \"b\": \"hunter2\" x\n}").unwrap_err();
        assert_eq!(error.to_string(), "line 3, column 3: this is not JSON");
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(text in "[{}\":, a1.e\\[\\]\\\\nul]{0,40}") {
            let _ = parse(text.as_bytes());
        }

        #[test]
        fn any_string_reads_back(value in any::<String>()) {
            let text = serde_json::json!({ "a": value }).to_string();
            prop_assert_eq!(values(&text), [("a".to_owned(), value)]);
        }
    }
}
