//! Mistakes in a TOML file of a person's, as rustc shows them: where, the line with
//! everything blanked that could be a secret, carets, and the nearest right name; all of
//! them at once.
#![forbid(unsafe_code)]

mod blank;
mod nearest;
pub mod text;

use std::{fmt, ops::Range, path::PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::say::escaped;
use blank::blank;
pub use nearest::nearest;

/// So many mistakes are shown; the rest are counted.
pub const MISTAKES_SHOWN: usize = 20;
/// A longer line is not shown, only its number: the renderer's cost grows with it.
const LINE_SHOWN_MAX_BYTES: usize = 1_000;
/// What is shown is this wide, on any terminal and in any log.
const COLUMNS: usize = 80;
/// What stands for anything that was blanked.
const BLANK: &str = "***";

/// What a mistake is, in words that hold no value.
pub trait Kind: fmt::Display {
    /// The stable word for it in `--json`.
    fn code(&self) -> &'static str;

    /// Whether it is that something isn't there: nobody can tell of a file of which some
    /// lines can't be read.
    fn is_absence(&self) -> bool;

    /// What to do about it.
    fn hint(&self) -> Option<String>;
}

/// A mistake before it is located: bytes of the text, and what is wrong there.
pub type Found<K> = (Range<usize>, K);

/// One mistake, where it is, and the line as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake<K> {
    /// What is wrong.
    pub kind: K,
    /// From 1.
    pub line: usize,
    /// From 1, in characters of the line as it is shown.
    pub column: usize,
    /// The line with everything blanked that could be a secret; none if it is too long.
    shown: Option<String>,
    /// What the carets are under: bytes of the line.
    at: Range<usize>,
}

/// A file with mistakes: all of them, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid<K> {
    /// The file.
    pub path: PathBuf,
    /// At least one and at most [`MISTAKES_SHOWN`].
    pub mistakes: Vec<Mistake<K>>,
    /// How many more there are.
    pub more: usize,
}

impl<K: Kind + PartialEq> Invalid<K> {
    /// The mistakes that were found in `text`, the whole of the file or its readable part.
    #[must_use]
    pub fn new(path: PathBuf, text: &str, mut found: Vec<Found<K>>) -> Self {
        found.sort_by_key(|(at, _)| at.start);
        let more = found.len().saturating_sub(MISTAKES_SHOWN);
        found.truncate(MISTAKES_SHOWN);
        let blanked = blank(text);
        let mut mistakes: Vec<Mistake<K>> = Vec::with_capacity(found.len());
        for mistake in found.into_iter().map(|found| locate(text, &blanked, found)) {
            // Two places in one blanked text are shown as one.
            if !mistakes.contains(&mistake) {
                mistakes.push(mistake);
            }
        }
        Self { path, mistakes, more }
    }
}

impl<K: Kind> Invalid<K> {
    /// The mistakes as rustc shows them, one after the other.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.term_width(COLUMNS);
        let path = escaped(&self.path.to_string_lossy()).to_string();
        let shown = |mistake: &Mistake<K>| renderer.render(&[mistake.report(&path)]);
        let mut all: Vec<_> = self.mistakes.iter().map(shown).collect();
        if self.more > 0 {
            all.push(format!("… and {} more", self.more));
        }
        all.join("\n\n")
    }

    /// The first in one line, for a log or a table.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        let Some(Mistake { line, column, kind, .. }) = self.mistakes.first() else {
            return String::new();
        };
        let mut text = format!("line {line}, column {column}: {kind}");
        if let Some(hint) = kind.hint() {
            text.push_str(&format!("; {hint}"));
        }
        let more = self.mistakes.len() - 1 + self.more;
        if more > 0 {
            text.push_str(&format!(" (and {more} more)"));
        }
        text
    }
}

impl<K: Kind> fmt::Display for Invalid<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl<K: Kind + fmt::Debug> std::error::Error for Invalid<K> {}

impl<K: Kind> Mistake<K> {
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

fn locate<K>(text: &str, blanked: &str, (at, kind): Found<K>) -> Mistake<K> {
    let from = text.floor_char_boundary(at.start);
    let start = text[..from].rfind('\n').map_or(0, |found| found + 1);
    let end = text[from..].find('\n').map_or(text.len(), |len| from + len);
    let line = blanked[start..end].trim_end();
    let before = |place: usize| &line[..(place.max(start) - start).min(line.len())];
    let shown = shortened(line);
    // What is inside of something blanked is shown as all of it.
    let at = shortened(before(from).trim_end_matches('*')).len()
        ..shortened(before(at.end.max(from))).len();
    Mistake {
        line: text[..start].bytes().filter(|&b| b == b'\n').count() + 1,
        column: at.start + 1,
        at,
        shown: (shown.len() <= LINE_SHOWN_MAX_BYTES).then_some(shown),
        kind,
    }
}

/// What was blanked, each as long as any other: how long a secret is, is nobody's business
/// either.
fn shortened(blanked: &str) -> String {
    let mut text = String::with_capacity(blanked.len());
    for character in blanked.chars() {
        if character != '*' {
            text.push(character);
        } else if !text.ends_with('*') {
            text.push_str(BLANK);
        }
    }
    text
}
