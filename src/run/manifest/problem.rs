//! What is wrong with a manifest, and how a person is shown it.

use std::{fmt, ops::Range, path::PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{blank::blank, generate::InvalidGenerate, template::TemplateProblem};
use crate::{
    run::{pattern::InvalidPattern, variable::InvalidVariable},
    secret::{InvalidKey, InvalidProfile},
};

/// So many problems are shown; the rest are counted.
pub const PROBLEMS_SHOWN: usize = 20;
/// A longer line is not shown, only its number: the renderer's cost grows with it.
const LINE_SHOWN_MAX_BYTES: usize = 1_000;

/// One thing that is wrong. None of the texts holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// Not TOML, in the words of its parser, which quotes nothing.
    #[error("{0}")]
    Syntax(String),
    /// A byte order mark.
    #[error("a manifest starts without a byte order mark")]
    ByteOrderMark,
    /// Not UTF-8.
    #[error("a manifest is UTF-8 text")]
    NotUtf8,
    /// More than [`super::MANIFEST_MAX_ENTRIES`].
    #[error("a manifest has at most {} entries", super::MANIFEST_MAX_ENTRIES)]
    TooManyEntries,
    /// No `pds = 1`.
    #[error("`pds = 1` is missing: the version of the manifest's format")]
    NoVersion,
    /// `pds` is something else.
    #[error("this version of `pds` reads manifests of format 1")]
    OtherVersion,
    /// A table of a name that the format doesn't have.
    #[error("there is no table{} in a manifest", quoted(.name))]
    UnknownTable {
        /// Its name, if it is fit to be shown.
        name: Option<String>,
        /// The nearest right name.
        nearest: Option<&'static str>,
    },
    /// A field of a name that its table doesn't have.
    #[error("there is no field{} {place}", quoted(.name))]
    UnknownField {
        /// Its name, if it is fit to be shown.
        name: Option<String>,
        /// Where it is not.
        place: &'static str,
        /// The nearest right name.
        nearest: Option<&'static str>,
    },
    /// A value of another type.
    #[error("{expected} is expected here, this is {found}")]
    WrongType {
        /// With its article.
        expected: &'static str,
        /// With its article.
        found: &'static str,
    },
    /// A string that is none of those that may stand here.
    #[error("{expected} is expected here")]
    UnknownChoice {
        /// What may stand here.
        expected: &'static str,
        /// The nearest right one.
        nearest: Option<&'static str>,
    },
    /// Not the name of a variable.
    #[error(transparent)]
    Variable(#[from] InvalidVariable),
    /// Not a key.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// A secret without a key.
    #[error("a secret needs a `key`")]
    NoKey,
    /// Not the name of a profile.
    #[error(transparent)]
    Profile(#[from] InvalidProfile),
    /// A list of profiles without one.
    #[error("a list of profiles needs at least one")]
    NoProfile,
    /// A profile twice in one list.
    #[error("`{0}` is listed twice")]
    ProfileTwice(String),
    /// Not a pattern of names.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    /// Not a way to make a value.
    #[error(transparent)]
    Generate(#[from] InvalidGenerate),
    /// Both ways to fill in for an absent value.
    #[error("a secret has `generate` or `default`, not both")]
    GenerateAndDefault,
    /// A variable that two tables set.
    #[error("`{0}` is set twice")]
    SetTwice(String),
    /// A NUL in a value.
    #[error("a variable's value can't hold a NUL")]
    Nul,
    /// A project name that is empty, too long, or not one line of text.
    #[error("a project's name is one line of 1 to {} bytes", super::PROJECT_MAX_BYTES)]
    Project,
    /// A template that can't be read.
    #[error(transparent)]
    Template(#[from] TemplateProblem),
    /// A template asks for a name that is nowhere in the manifest.
    #[error("`{name}` is not in this manifest")]
    UnknownName {
        /// What was asked for.
        name: String,
        /// The nearest right name.
        nearest: Option<String>,
    },
    /// Templates that need each other.
    #[error("this makes a circle: {}", .0.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" → "))]
    Cycle(Vec<String>),
}

fn quoted(name: &Option<String>) -> String {
    name.as_ref().map_or_else(String::new, |name| format!(" `{name}`"))
}

impl ProblemKind {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let nearest = |name: &dyn fmt::Display| Some(format!("did you mean `{name}`?"));
        match self {
            Self::UnknownTable { nearest: Some(name), .. }
            | Self::UnknownField { nearest: Some(name), .. }
            | Self::UnknownChoice { nearest: Some(name), .. }
            | Self::Template(TemplateProblem::UnknownFilter(Some(name))) => nearest(name),
            Self::UnknownName { nearest: Some(name), .. } => nearest(name),
            Self::Template(TemplateProblem::UnknownFilter(None)) => {
                Some("filters are `urlencode`, `base64`, `json` and `shell`".to_owned())
            }
            Self::Template(TemplateProblem::LoneDollar) => {
                Some("write `$$` for a dollar sign".to_owned())
            }
            Self::NoVersion => Some("put `pds = 1` on the first line".to_owned()),
            Self::WrongType { expected: "a string", .. } => Some("put it in quotes".to_owned()),
            Self::UnknownName { nearest: None, .. } => Some(
                "a template takes values from `[vars]`, `[secrets]` and `[compose]`".to_owned(),
            ),
            _ => None,
        }
    }
}

/// A problem before it is located: bytes of the text, and what is wrong there.
pub(super) type Found = (Range<usize>, ProblemKind);

/// One problem, where it is, and the line as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The line with everything blanked that could be a secret; none if it is too long.
    shown: Option<String>,
    /// What the carets are under: bytes of the line.
    at: Range<usize>,
}

/// A manifest with problems: all of them, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The manifest.
    pub path: PathBuf,
    /// At least one and at most [`PROBLEMS_SHOWN`].
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
}

impl Invalid {
    pub(super) fn new(path: PathBuf, text: &str, mut found: Vec<Found>) -> Self {
        found.sort_by_key(|(at, _)| at.start);
        let more = found.len().saturating_sub(PROBLEMS_SHOWN);
        found.truncate(PROBLEMS_SHOWN);
        let blanked = blank(text);
        let problems = found.into_iter().map(|found| locate(text, &blanked, found)).collect();
        Self { path, problems, more }
    }

    /// The problems as rustc shows them, one after the other.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let path = self.path.to_string_lossy().escape_debug().to_string();
        let shown = |problem: &Problem| renderer.render(&[problem.report(&path)]);
        let mut all: Vec<_> = self.problems.iter().map(shown).collect();
        if self.more > 0 {
            all.push(format!("… and {} more", self.more));
        }
        all.join("\n\n")
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Invalid {}

impl Problem {
    fn report<'a>(&'a self, path: &'a str) -> Group<'a> {
        let title = Level::ERROR.primary_title(self.kind.to_string());
        let group = match &self.shown {
            Some(line) => title.element(
                Snippet::source(line.as_str())
                    .line_start(self.line)
                    .path(path)
                    .annotation(AnnotationKind::Primary.span(self.at.clone())),
            ),
            None => title.element(Origin::path(path).line(self.line).char_column(self.column)),
        };
        group.elements(self.kind.hint().map(|hint| Level::HELP.message(hint)))
    }
}

fn locate(text: &str, blanked: &str, (at, kind): Found) -> Problem {
    let from = text.floor_char_boundary(at.start);
    let start = text[..from].rfind('\n').map_or(0, |found| found + 1);
    let end = text[from..].find('\n').map_or(text.len(), |len| from + len);
    let shown = blanked[start..end].trim_end_matches('\r');
    let clip = |place: usize| (place.max(start) - start).min(shown.len());
    Problem {
        line: text[..start].bytes().filter(|&b| b == b'\n').count() + 1,
        column: text[start..from].chars().count() + 1,
        at: clip(from)..clip(at.end.max(from)),
        shown: (shown.len() <= LINE_SHOWN_MAX_BYTES).then(|| shown.to_owned()),
        kind,
    }
}
