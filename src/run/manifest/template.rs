//! `[compose]`: values made of others. `${NAME|filter|…}`, `$$` for a dollar sign,
//! and nothing else: no shell, no look-up outside the manifest.

use std::ops::Range;

use crate::variable::VariableName;

/// How a value is written so that it stays one thing where it is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// All but `[A-Za-z0-9._~-]` as `%XX` (RFC 3986).
    UrlEncode,
    /// RFC 4648, with padding, on one line.
    Base64,
    /// A JSON string with its quotes. The value must be UTF-8.
    Json,
    /// One word of a POSIX shell, in single quotes.
    Shell,
}

impl Filter {
    /// Every filter and its name.
    pub const ALL: [(&str, Self); 4] = [
        ("urlencode", Self::UrlEncode),
        ("base64", Self::Base64),
        ("json", Self::Json),
        ("shell", Self::Shell),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("", |&(name, _)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|&(_, filter)| filter)
    }
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Text as it stands.
    Literal(String),
    /// Another value, passed through `filters` from left to right.
    Value {
        /// Whose value.
        name: VariableName,
        /// In the order in which they are applied.
        filters: Vec<Filter>,
        /// Where in the template's text.
        at: Range<usize>,
    },
}

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As it stands in the manifest.
    pub source: String,
    /// Its parts in order.
    pub segments: Vec<Segment>,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateProblem {
    /// `$` before anything but `{` and `$`.
    #[error("a single `$` means nothing here")]
    LoneDollar,
    /// `${` without `}`.
    #[error("`${{` has no `}}`")]
    Unclosed,
    /// Not the name of a variable between `${` and `|` or `}`.
    #[error("`${{…}}` needs the name of a variable")]
    NoName,
    /// A filter that is none of [`Filter::ALL`].
    #[error("there is no such filter")]
    UnknownFilter(Option<&'static str>),
}

/// A problem, and where in the template's text it is.
pub(super) type Found = (Range<usize>, TemplateProblem);

impl Template {
    /// Splits `source` into its segments; beside it every problem with its place in `source`.
    /// The names that it takes values from are known in spite of them.
    pub(super) fn parse(source: &str) -> (Self, Vec<Found>) {
        let (mut segments, mut problems) = (Vec::new(), Vec::new());
        let mut literal = String::new();
        let mut at = 0;
        while let Some(dollar) = source[at..].find('$').map(|found| at + found) {
            literal.push_str(&source[at..dollar]);
            let rest = &source[dollar + 1..];
            at = if rest.starts_with('$') {
                literal.push('$');
                dollar + 2
            } else if !rest.starts_with('{') {
                problems.push((dollar..dollar + 1, TemplateProblem::LoneDollar));
                dollar + 1
            } else if let Some(len) = rest.find('}') {
                if !literal.is_empty() {
                    segments.push(Segment::Literal(std::mem::take(&mut literal)));
                }
                let inside = dollar + 2..dollar + 1 + len;
                segments.extend(reference(source, inside, &mut problems));
                dollar + 2 + len
            } else {
                problems.push((dollar..source.len(), TemplateProblem::Unclosed));
                source.len()
            };
        }
        literal.push_str(&source[at..]);
        if !literal.is_empty() {
            segments.push(Segment::Literal(literal));
        }
        (Self { source: source.to_owned(), segments }, problems)
    }

    /// The names that it takes values from, and where in its text.
    pub fn references(&self) -> impl Iterator<Item = (&VariableName, Range<usize>)> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Value { name, at, .. } => Some((name, at.clone())),
            Segment::Literal(_) => None,
        })
    }
}

fn reference(source: &str, inside: Range<usize>, problems: &mut Vec<Found>) -> Option<Segment> {
    let mut parts = source[inside.clone()].split('|');
    let text = parts.next()?;
    let at = inside.start..inside.start + text.len();
    let name = VariableName::new(text)
        .map_err(|_| problems.push((at.clone(), TemplateProblem::NoName)))
        .ok();
    let mut filters = Vec::new();
    let mut start = at.end + 1;
    for part in parts {
        match Filter::named(part) {
            Some(filter) => filters.push(filter),
            None => {
                let known = Filter::ALL.iter().map(|&(name, _)| name);
                let nearest = crate::mistake::nearest(part, known);
                let place = start..start + part.len();
                problems.push((place, TemplateProblem::UnknownFilter(nearest)));
            }
        }
        start += part.len() + 1;
    }
    Some(Segment::Value { name: name?, filters, at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(name: &str, filters: &[Filter], at: Range<usize>) -> Segment {
        let name = VariableName::new(name).unwrap();
        Segment::Value { name, filters: filters.to_vec(), at }
    }

    #[test]
    fn a_template_is_text_and_values_in_order() {
        let (template, problems) = Template::parse("pg://a:${PW|urlencode}@${HOST}/b$$");
        assert_eq!(problems, []);
        let text = |text: &str| Segment::Literal(text.to_owned());
        assert_eq!(
            template.segments,
            [
                text("pg://a:"),
                value("PW", &[Filter::UrlEncode], 9..11),
                text("@"),
                value("HOST", &[], 25..29),
                text("/b$"),
            ]
        );
        assert_eq!(Template::parse("").0.segments, []);
    }

    #[test]
    fn each_mistake_is_found_in_its_place() {
        use TemplateProblem::*;
        let (template, problems) = Template::parse("$x ${} ${A|base46|Json|} ${A");
        let names: Vec<_> = template.references().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A"], "it is known in spite of its filters");
        assert_eq!(
            problems,
            [
                (0..1, LoneDollar),
                (5..5, NoName),
                (11..17, UnknownFilter(Some("base64"))),
                (18..22, UnknownFilter(Some("json"))),
                (23..23, UnknownFilter(None)),
                (25..28, Unclosed),
            ]
        );
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(source in "[${}|A-Cé a-z]{0,40}") {
            let _ = Template::parse(&source);
        }

        #[test]
        fn what_is_escaped_comes_back(text in any::<String>()) {
            let (template, _) = Template::parse(&text.replace('$', "$$"));
            let literal = |s: Segment| match s { Segment::Literal(l) => l, _ => String::new() };
            prop_assert_eq!(template.segments.into_iter().map(literal).collect::<String>(), text);
        }
    }
}
