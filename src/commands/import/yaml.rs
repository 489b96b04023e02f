//! YAML files: one mapping of strings, numbers and booleans, nested at will.
//!
//! A number or a boolean is the text that the file has for it: `1.10` stays `1.10`, and
//! `yes` stays `yes`, whatever a version of YAML makes of it. Aliases are refused, and
//! with them every file that is larger than it looks.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{
    Imported,
    json::{JsonProblem, Walk, column_of_text},
};

/// Mappings are nested at most this deep.
const YAML_MAX_DEPTH: usize = 64;
/// What YAML calls no value.
const NULLS: [&str; 5] = ["", "~", "null", "Null", "NULL"];

/// What is wrong with a YAML file. Nothing of its content is in it but names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct YamlError {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes: where that line's text begins, as of a JSON file.
    pub column: usize,
    /// What is wrong.
    pub problem: YamlProblem,
}

/// What can be wrong with a YAML file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlProblem {
    /// Not YAML.
    #[error("this is not YAML")]
    Syntax,
    /// Not UTF-8.
    #[error("this is not UTF-8")]
    NotText,
    /// Something other than a mapping around everything.
    #[error("a mapping of names and values is expected")]
    NotAMapping,
    /// A second document.
    #[error("a second document begins here")]
    Several,
    /// A name that is a mapping or a list.
    #[error("a name is expected here")]
    NotAName,
    /// `*name`, or `<<` of one.
    #[error("an alias stands here")]
    Alias,
    /// `!tag`, but for `!!str` and what means nothing else.
    #[error("a tag stands here that would change the value")]
    Tag,
    /// Deeper than `YAML_MAX_DEPTH`.
    #[error("mappings are nested at most {YAML_MAX_DEPTH} deep")]
    Deep,
    /// What is wrong in JSON as well.
    #[error(transparent)]
    Value(#[from] JsonProblem),
}

impl YamlProblem {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Alias => Some("write the value itself"),
            Self::Tag => Some("put the value in quotes, without the tag"),
            Self::Several => Some("make it two files"),
            Self::NotText => Some("save the file as UTF-8"),
            Self::Value(problem) => problem.hint(),
            _ => None,
        }
    }
}

/// The values of the YAML file `text`, in its order, nested names joined by `/`.
///
/// # Errors
/// The first problem. Nothing is returned unless all of the file was understood.
pub fn parse(text: &[u8]) -> Result<Vec<Imported>, YamlError> {
    let text = std::str::from_utf8(text).map_err(|error| {
        let before = &text[..error.valid_up_to()];
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        YamlError { line, column: 1, problem: YamlProblem::NotText }
    })?;
    let mut reader = Reader { walk: Walk::new(), open: Vec::new(), documents: 0 };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        // The library's words are left out: they may quote what they stumbled over.
        let (event, span) = event.map_err(|error| at(text, error.marker(), YamlProblem::Syntax))?;
        reader.take(event).map_err(|problem| at(text, &span.start, problem))?;
    }
    Ok(reader.walk.values)
}

fn at(text: &str, marker: &Marker, problem: YamlProblem) -> YamlError {
    let line = marker.line();
    YamlError { line, column: column_of_text(text.as_bytes(), line), problem }
}

struct Reader {
    walk: Walk,
    open: Vec<Mapping>,
    documents: usize,
}

/// A mapping that has begun.
struct Mapping {
    /// How long the path to it is.
    path_bytes: usize,
    /// Whether a name has been read, and its value comes next.
    has_name: bool,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) -> Result<(), YamlProblem> {
        match event {
            Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
            Event::StreamEnd if self.documents == 0 => return Err(YamlProblem::NotAMapping),
            Event::StreamEnd => {}
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(YamlProblem::Several);
                }
            }
            Event::Alias(_) => return Err(YamlProblem::Alias),
            Event::SequenceStart(..) | Event::SequenceEnd => return Err(self.list()),
            Event::MappingStart(_, tag) => self.begin(tag.as_deref())?,
            Event::MappingEnd => {
                self.open.pop();
                self.value_is_read();
            }
            Event::Scalar(text, style, _, tag) => self.scalar(&text, style, tag.as_deref())?,
        }
        Ok(())
    }

    fn list(&self) -> YamlProblem {
        match self.open.last() {
            None => YamlProblem::NotAMapping,
            Some(Mapping { has_name: false, .. }) => YamlProblem::NotAName,
            Some(_) => JsonProblem::List { name: self.walk.shown() }.into(),
        }
    }

    fn begin(&mut self, tag: Option<&Tag>) -> Result<(), YamlProblem> {
        if tag.is_some_and(|tag| !is_core(tag, &["map"])) {
            return Err(YamlProblem::Tag);
        }
        if self.open.last().is_some_and(|open| !open.has_name) {
            return Err(YamlProblem::NotAName);
        }
        if self.open.len() == YAML_MAX_DEPTH {
            return Err(YamlProblem::Deep);
        }
        self.open.push(Mapping { path_bytes: self.walk.path.len(), has_name: false });
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
    ) -> Result<(), YamlProblem> {
        let is_text = tag.is_some_and(|tag| is_core(tag, &["str"]));
        if tag.is_some_and(|tag| !is_core(tag, &["str", "int", "float", "bool"])) {
            return Err(YamlProblem::Tag);
        }
        let Some(open) = self.open.last_mut() else { return Err(YamlProblem::NotAMapping) };
        if !open.has_name {
            open.has_name = true;
            return Ok(self.walk.enter(text)?);
        }
        if style == ScalarStyle::Plain && !is_text && NULLS.contains(&text) {
            return Err(JsonProblem::Null { name: self.walk.shown() }.into());
        }
        self.walk.add(text.as_bytes())?;
        self.value_is_read();
        Ok(())
    }

    /// Back to the mapping that the value was in.
    fn value_is_read(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.has_name = false;
            self.walk.path.truncate(open.path_bytes);
        }
    }
}

/// Whether `tag` is one of YAML's own, and among `names`.
fn is_core(tag: &Tag, names: &[&str]) -> bool {
    tag.is_yaml_core_schema() && names.contains(&tag.suffix.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::{InvalidKey, SecureBytes};

    fn values(text: &str) -> Vec<(String, String)> {
        let values = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error} in {text}"));
        let text = |value: SecureBytes| String::from_utf8(value.expose().to_vec()).unwrap();
        values.into_iter().map(|found| (found.name, text(found.value))).collect()
    }

    #[test]
    fn scalars_are_values_as_the_file_writes_them_and_nesting_makes_names() {
        let text = "# a comment\nA: plain text # not this\nport: 0x1F\nfloat: 1.10\non: yes\n\
                    q: 'it''s'\nd: \"a\\n\\u00e9\"\nempty: ''\nnothing: \"null\"\n\
                    db:\n  main: {user: u, \"a/b\": 1}\n  pem: |\n    one\n    two\n  fold: >-\n    a\n    b\n\
                    tagged: !!str 12\nanchored: &x v\n'12': n\n";
        let expected = [
            ("A", "plain text"),
            ("port", "0x1F"),
            ("float", "1.10"),
            ("on", "yes"),
            ("q", "it's"),
            ("d", "a\né"),
            ("empty", ""),
            ("nothing", "null"),
            ("db/main/user", "u"),
            ("db/main/a/b", "1"),
            ("db/pem", "one\ntwo\n"),
            ("db/fold", "a b"),
            ("tagged", "12"),
            ("anchored", "v"),
            ("12", "n"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(values(text), expected);
        assert!(values("{}").is_empty());
        assert_eq!(values("---\na: b\n...\n").len(), 1);
    }

    #[test]
    fn each_problem_is_named() {
        use YamlProblem::*;
        let name = || "a".to_owned();
        for (text, problem) in [
            ("", NotAMapping),
            ("# nothing", NotAMapping),
            ("hunter2", NotAMapping),
            ("- a", NotAMapping),
            ("a: [1]", JsonProblem::List { name: name() }.into()),
            ("a:\n- 1", JsonProblem::List { name: name() }.into()),
            ("a:", JsonProblem::Null { name: name() }.into()),
            ("a: ~", JsonProblem::Null { name: name() }.into()),
            ("a: null", JsonProblem::Null { name: name() }.into()),
            ("a: 1\na: 2", JsonProblem::Duplicate { name: name() }.into()),
            (
                "a b: 1",
                JsonProblem::Name { name: "a b".into(), reason: InvalidKey::Character }.into(),
            ),
            ("? [a]\n: 1", NotAName),
            ("? {a: b}\n: 1", NotAName),
            ("x: &x v\na: *x", Alias),
            ("x: &x {b: c}\na:\n  <<: *x", Alias),
            ("a: !!binary aGk=", Tag),
            ("a: !secret x", Tag),
            ("a: 1\n---\nb: 2", Several),
            ("a: \"x", Syntax),
            ("a: {", Syntax),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().problem, problem, "{text}");
        }
        assert_eq!(parse(b"a: \xff").unwrap_err().problem, NotText);
    }

    #[test]
    fn bombs_stay_small() {
        let deep: String = (0..65).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
        assert_eq!(parse(deep.as_bytes()).unwrap_err().problem, YamlProblem::Deep);
        // The library itself gives up on these.
        for flood in ["{a: ", "["] {
            let problem = parse(flood.repeat(100_000).as_bytes()).unwrap_err().problem;
            assert_eq!(problem, YamlProblem::Syntax, "{flood}");
        }
        let most = format!("{}{{b: c}}{}", "{a: ".repeat(63), "}".repeat(63));
        assert_eq!(values(&most).len(), 1);
    }

    #[test]
    fn an_error_has_a_place_and_no_value() {
        let error = parse(b"a: hunter2\nb: \"hunter2\" x\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 1: this is not YAML");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(text in "[{}\\[\\]:, a1&*!|>'\"#\n\t%@~?<-]{0,40}") {
            let _ = parse(text.as_bytes());
        }
    }
}
