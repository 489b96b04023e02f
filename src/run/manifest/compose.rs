//! The order in which `[compose]` can be computed, if there is one.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{Composed, ProblemKind, template::Template, walk::Walk};
use crate::mistake::nearest;
use crate::variable::VariableName;

/// A template before it is parsed: its variable, its text, and where the value is.
pub(super) type Raw<'i> = (VariableName, &'i str, Range<usize>);

/// Parses `templates`, and sorts each behind those that it takes values from.
pub(super) fn in_order(walk: &mut Walk<'_>, templates: Vec<Raw<'_>>) -> Vec<Composed> {
    let mut places = Vec::new();
    let mut parsed = Vec::new();
    for (name, source, span) in templates {
        let place = Place::of(walk.text, source, span);
        let (template, problems) = Template::parse(source);
        for (at, problem) in problems {
            walk.report(place.inside(at), problem);
        }
        places.push(place);
        parsed.push(Composed { name, template });
    }
    if walk.knows_all_names {
        unknown_names(walk, &parsed, &places);
    }
    let order = Sorting::of(&parsed, &places).run(walk);
    let mut parsed: Vec<_> = parsed.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| parsed[index].take()).collect()
}

fn unknown_names(walk: &mut Walk<'_>, parsed: &[Composed], places: &[Place]) {
    for (composed, place) in parsed.iter().zip(places) {
        for (name, at) in composed.template.references() {
            let there = [&walk.declared, &walk.misplaced];
            if there.iter().any(|names| names.contains(name.as_str())) {
                continue;
            }
            let nearest = nearest(name, there.into_iter().flatten().copied()).map(str::to_owned);
            let kind = ProblemKind::UnknownName { name: name.to_string(), nearest };
            walk.report(place.inside(at), kind);
        }
    }
}

/// Where in the manifest a template's text is.
struct Place {
    value: Range<usize>,
    /// Where its first byte is, unless escapes moved the rest.
    start: Option<usize>,
}

impl Place {
    fn of(text: &str, source: &str, value: Range<usize>) -> Self {
        let raw = text.get(value.clone()).unwrap_or_default();
        let quotes = raw.len().saturating_sub(source.len());
        let start = raw.find(source).filter(|_| quotes <= 8).map(|at| value.start + at);
        Self { value, start: start.filter(|_| !source.is_empty()) }
    }

    fn inside(&self, at: Range<usize>) -> Range<usize> {
        match self.start {
            Some(start) => start + at.start..start + at.end,
            None => self.value.clone(),
        }
    }
}

/// Depth-first, with a stack of its own: a chain of 4,096 templates is a manifest's
/// right, an overflowing stack is not.
struct Sorting<'c> {
    names: Vec<&'c VariableName>,
    /// For each template, which others it needs, and where it says so first.
    needs: Vec<Vec<(usize, Range<usize>)>>,
    state: Vec<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Untouched,
    Open,
    Done,
}

impl<'c> Sorting<'c> {
    fn of(composed: &'c [Composed], places: &[Place]) -> Self {
        let index: BTreeMap<_, _> =
            composed.iter().enumerate().map(|(i, c)| (&c.name, i)).collect();
        let needs = composed.iter().zip(places).map(|(composed, place)| {
            let mut seen = BTreeSet::new();
            let references = composed.template.references();
            let known = |(name, at)| Some((*index.get(name)?, place.inside(at)));
            references.filter_map(known).filter(|(needed, _)| seen.insert(*needed)).collect()
        });
        Self {
            names: composed.iter().map(|c| &c.name).collect(),
            needs: needs.collect(),
            state: vec![State::Untouched; composed.len()],
        }
    }

    fn run(mut self, walk: &mut Walk<'_>) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.needs.len());
        for root in 0..self.needs.len() {
            if self.state[root] == State::Untouched {
                self.visit(root, walk, &mut order);
            }
        }
        order
    }

    fn visit(&mut self, root: usize, walk: &mut Walk<'_>, order: &mut Vec<usize>) {
        let mut open = vec![(root, 0)];
        self.state[root] = State::Open;
        while let Some((template, next)) = open.last_mut() {
            let Some((needed, at)) = self.needs[*template].get(*next).cloned() else {
                self.state[*template] = State::Done;
                order.push(*template);
                open.pop();
                continue;
            };
            *next += 1;
            match self.state[needed] {
                State::Done => {}
                State::Untouched => {
                    self.state[needed] = State::Open;
                    open.push((needed, 0));
                }
                State::Open => {
                    let circle = open.iter().map(|&(index, _)| index);
                    let circle = circle.skip_while(|&index| index != needed).chain([needed]);
                    let names = circle.map(|index| self.names[index].to_string()).collect();
                    walk.report(at, ProblemKind::Cycle(names));
                }
            }
        }
    }
}
