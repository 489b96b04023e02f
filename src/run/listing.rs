//! What a manifest asks for, in lines for a person: none of them so long, and at a question
//! not so many, that others leave the screen.

use std::fmt;

use super::{
    manifest::{Conflict, Delivery, Inherit, What},
    plan::Plan,
};
use crate::{say::escaped, secret::TrustProfileName};

/// Of a longer text this many characters are shown at its start, and at its end: what a
/// template sends a secret to may stand at either.
const SHOWN_AT_START: usize = 40;
const SHOWN_AT_END: usize = 20;
/// Plain values, and made ones, that stand above a question. Secrets and what is lifted are
/// never left out.
const ABOVE_QUESTION_MAX: usize = 8;

/// What a line is about. Nearest to the question stands what matters most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Plain,
    Made,
    Setting,
    Secret,
    Lifted,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Secret, Self::Plain, Self::Made, Self::Setting, Self::Lifted];

    fn counted(self, n: usize) -> String {
        let one = match self {
            Self::Plain => "plain value",
            Self::Made => "made value",
            Self::Setting => "setting",
            Self::Secret => "secret",
            Self::Lifted => "lifted variable",
        };
        crate::say::count(n, one)
    }
}

/// Lines, in the order in which they are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing(Vec<(Kind, String)>);

impl Listing {
    /// Of `whats`, and of what the user's config lifts for `plan`.
    #[must_use]
    pub fn new<'m>(whats: impl Iterator<Item = What<'m>>, plan: &Plan<'_>) -> Self {
        let mut lines: Vec<_> =
            whats.map(|what| (kind(what), describe(what, &plan.profiles))).collect();
        lines.extend(plan.lifted_lines().into_iter().map(|line| (Kind::Lifted, line)));
        // Stable: within a kind the order stays.
        lines.sort_by_key(|(kind, _)| *kind);
        Self(lines)
    }

    /// Every line.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, line)| line.as_str())
    }

    /// As few lines as may stand above a question.
    #[must_use]
    pub fn shortened(&self) -> Vec<String> {
        let mut short = Vec::new();
        for kind in [Kind::Plain, Kind::Made, Kind::Setting, Kind::Secret, Kind::Lifted] {
            let lines: Vec<_> = self.0.iter().filter(|(of, _)| *of == kind).collect();
            let is_bounded = matches!(kind, Kind::Plain | Kind::Made);
            let shown = if is_bounded { lines.len().min(ABOVE_QUESTION_MAX) } else { lines.len() };
            short.extend(lines[..shown].iter().map(|(_, line)| line.clone()));
            if let Some(left) = lines.len().checked_sub(shown).filter(|left| *left > 0) {
                short.push(format!("… and {} more: `pds check` lists all", kind.counted(left)));
            }
        }
        short
    }
}

/// How many there are of each kind, in words.
impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for kind in Kind::ALL {
            let n = self.0.iter().filter(|(of, _)| *of == kind).count();
            if n > 0 {
                write!(f, "{comma}{}", kind.counted(n))?;
                comma = ", ";
            }
        }
        Ok(())
    }
}

fn kind(what: What<'_>) -> Kind {
    match what {
        What::Secret(_) => Kind::Secret,
        What::Var(..) => Kind::Plain,
        What::Composed(_) => Kind::Made,
        What::Inherit(_) | What::Conflict(_) => Kind::Setting,
    }
}

/// One thing that is asked for, as a person reads it. Everything in it comes
/// from the manifest, so everything is escaped.
fn describe(what: What<'_>, profiles: &[TrustProfileName]) -> String {
    match what {
        What::Secret(secret) => {
            let own = &secret.profiles;
            let from = if own.is_empty() { profiles } else { own };
            let from: Vec<_> = from.iter().map(TrustProfileName::as_str).collect();
            let hidden = match secret.delivery {
                Delivery::Hidden => ", for templates alone",
                Delivery::Env => "",
            };
            let (variable, key) = (&secret.variable, &secret.key);
            let absent = match (&secret.generate, &secret.default) {
                (Some(how), _) => format!(", made as {how} if absent"),
                (None, Some(default)) => format!(", `{}` if absent", cut(default)),
                (None, None) if !secret.required => ", if it is there".to_owned(),
                (None, None) => String::new(),
            };
            format!("secret  {variable} = `{key}` of {}{hidden}{absent}", from.join(", "))
        }
        What::Var(name, value) => format!("plain   {name} = {}", cut(value)),
        What::Composed(made) => format!("made    {} = {}", made.name, cut(&made.template.source)),
        What::Inherit(Inherit::All) => "inherit everything".to_owned(),
        What::Inherit(Inherit::Only(patterns)) if patterns.is_empty() => {
            "inherit nothing".to_owned()
        }
        What::Inherit(Inherit::Only(patterns)) => {
            let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.as_str()).collect();
            format!("inherit {}", cut(&patterns.join(", ")))
        }
        What::Conflict(Conflict::Secret) => "a variable that is set already is replaced".to_owned(),
        What::Conflict(Conflict::Environment) => {
            "a variable that is set already is kept".to_owned()
        }
        What::Conflict(Conflict::Error) => "a variable that is set already is an error".to_owned(),
    }
}

/// A text on one line: its start and its end if it is long, with the number of characters
/// between them; blanks that an eye would pass over are escaped.
fn cut(text: &str) -> String {
    let characters = text.chars().count();
    // The note takes room too: what it would replace is shown instead.
    if characters <= SHOWN_AT_START + 2 * SHOWN_AT_END {
        return visible(text);
    }
    let at = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
    let (start, end) = (at(SHOWN_AT_START), at(characters - SHOWN_AT_END));
    let left_out = characters - SHOWN_AT_START - SHOWN_AT_END;
    format!("{} [… {left_out} more …] {}", visible(&text[..start]), visible(&text[end..]))
}

/// `text` escaped, and of its blanks all but single spaces between other characters.
fn visible(text: &str) -> String {
    let blank = |c: char| c.is_whitespace() || matches!(c, '\u{2800}' | '\u{3164}');
    let mut shown = String::new();
    let mut after_blank = true;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_plain = character == ' ' && !after_blank && characters.peek().is_some();
        after_blank = blank(character);
        match character {
            '\n' | '\r' | '\t' => shown.push_str(&escaped(&character.to_string()).to_string()),
            _ if after_blank && !is_plain => {
                shown.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
            }
            _ => shown.push_str(&escaped(character.encode_utf8(&mut [0; 4])).to_string()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_shows_its_start_and_its_end_and_how_much_is_between() {
        let text = format!("{}{}{}", "a".repeat(40), "x".repeat(5_000), "z".repeat(20));
        let expected = format!("{} [… 5000 more …] {}", "a".repeat(40), "z".repeat(20));
        assert_eq!(cut(&text), expected);
        let short = "é".repeat(80);
        assert_eq!(cut(&short), short);
    }

    #[test]
    fn blanks_that_could_push_others_off_the_screen_are_seen() {
        assert_eq!(visible("a b c"), "a b c");
        assert_eq!(visible(" a  b "), "\\u{20}a \\u{20}b\\u{20}");
        assert_eq!(visible("a\n\u{3000}b\u{1b}"), "a\\n\\u{3000}b\\u{1b}");
    }
}
