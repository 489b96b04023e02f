//! The parts that walking a parsed manifest is made of: each takes a value, and either
//! gives what it should be or reports what it is.

use std::{collections::BTreeSet, ops::Range};

use toml::de::{DeTable, DeValue};

use super::{
    MANIFEST_MAX_ENTRIES, ProblemKind,
    parse::{FIELDS, TABLES},
    problem::Found,
};
use crate::{
    mistake::{
        nearest,
        text::{Name, Value, in_order, showable, type_of},
    },
    variable::{
        VariableName,
        refused::{Listed, NOTHING_LIFTED, RefusedVariable, Verdict, judge},
        value::{BASH_FUNCTION, MAX_ARG_STRLEN},
    },
};

/// An entry of a table of variables.
pub(super) struct Variable<'v> {
    /// Its name, if it can be one.
    pub(super) name: Option<VariableName>,
    /// Where that is.
    pub(super) at: Range<usize>,
    pub(super) value: &'v Value<'v>,
}

pub(super) struct Walk<'i> {
    pub(super) text: &'i str,
    pub(super) found: Vec<Found>,
    /// Every name that any table sets, well-formed or not otherwise: what is wrong with a
    /// value is no reason to tell a template that its name doesn't exist.
    pub(super) declared: BTreeSet<&'i str>,
    /// Every name in a table that the format doesn't have: a template that takes a value
    /// from there is right as soon as the table's name is.
    pub(super) misplaced: BTreeSet<&'i str>,
    /// Whether `declared` has them all. If not, nobody can tell which name is nowhere.
    pub(super) knows_all_names: bool,
    /// Variables that may not be set unless the user's config lifts them.
    pub(super) refused: Vec<(Range<usize>, RefusedVariable)>,
    /// Variables that may be set, and that the person should know about.
    pub(super) warned: Vec<(VariableName, Listed)>,
    entries: usize,
}

impl<'v> Walk<'v> {
    pub(super) fn new(text: &'v str) -> Self {
        Self {
            text,
            found: Vec::new(),
            declared: BTreeSet::new(),
            misplaced: BTreeSet::new(),
            knows_all_names: true,
            refused: Vec::new(),
            warned: Vec::new(),
            entries: 0,
        }
    }

    pub(super) fn report(&mut self, at: Range<usize>, kind: impl Into<ProblemKind>) {
        self.found.push((at, kind.into()));
    }

    /// The entries of a table of variables. Names that can't be one are reported and
    /// come as `None`, so that their values are looked at all the same.
    pub(super) fn variables(&mut self, value: &'v Value<'v>) -> Vec<Variable<'v>> {
        let table = self.table(value);
        let table = table.filter(|table| self.room_for(table.len(), value.span()));
        let Some(table) = table else {
            self.knows_all_names = false;
            return Vec::new();
        };
        let mut variables = Vec::with_capacity(table.len());
        for (name, value) in in_order(table) {
            let variable = VariableName::new(name.get_ref());
            if let Ok(variable) = &variable
                && !self.declared.insert(name.get_ref())
            {
                self.report(name.span(), ProblemKind::SetTwice(variable.to_string()));
            }
            let variable = variable.map_err(|error| self.report(name.span(), error));
            variables.push(Variable { name: variable.ok(), at: name.span(), value });
        }
        variables
    }

    /// Whether `variable`, which the command would get, may be set.
    pub(super) fn judge(&mut self, variable: &Variable<'v>) {
        let Some(name) = &variable.name else { return };
        match judge(name, NOTHING_LIFTED) {
            Verdict::Allowed => {}
            Verdict::Warned(listed) => self.warned.push((name.clone(), listed)),
            Verdict::Refused(listed) => {
                // Set twice, it is refused once.
                if !self.refused.iter().any(|(_, known)| known.name == *name) {
                    let refused = RefusedVariable { name: name.clone(), listed };
                    self.refused.push((variable.at.clone(), refused));
                }
            }
        }
    }

    fn room_for(&mut self, entries: usize, at: Range<usize>) -> bool {
        self.entries = self.entries.saturating_add(entries);
        let fits = self.entries <= MANIFEST_MAX_ENTRIES;
        if !fits {
            self.report(at, ProblemKind::TooManyEntries);
        }
        fits
    }

    pub(super) fn list(&mut self, value: &'v Value<'v>, expected: &'static str) -> &'v [Value<'v>] {
        let DeValue::Array(list) = value.get_ref() else {
            self.wrong_type(expected, value);
            return &[];
        };
        if self.room_for(list.len(), value.span()) { list } else { &[] }
    }

    pub(super) fn list_or_one(&mut self, value: &'v Value<'v>) -> &'v [Value<'v>] {
        match value.get_ref() {
            DeValue::String(_) => std::slice::from_ref(value),
            _ => self.list(value, "a profile, or a list of profiles,"),
        }
    }

    pub(super) fn table(&mut self, value: &'v Value<'v>) -> Option<&'v DeTable<'v>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type("a table", value);
        }
        table
    }

    pub(super) fn string(&mut self, value: &'v Value<'v>) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type("a string", value);
        }
        text
    }

    /// A string that could be a variable's value.
    pub(super) fn value(&mut self, value: &'v Value<'v>) -> Option<&'v str> {
        let text = self.string(value)?;
        if text.contains('\0') {
            self.report(value.span(), ProblemKind::Nul);
            return None;
        }
        Some(text)
    }

    /// Whether `variable` can have the value `text`, which stands at `at`.
    pub(super) fn fits(&mut self, variable: &Variable<'v>, text: &str, at: Range<usize>) {
        let name = variable.name.as_ref().map_or("", |name| name.as_str());
        if text.as_bytes().starts_with(BASH_FUNCTION) {
            self.report(at, ProblemKind::Function);
        } else if name.len() + "=".len() + text.len() + "\0".len() > MAX_ARG_STRLEN {
            self.report(at, ProblemKind::TooLong);
        }
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        value: &'v Value<'v>,
        known: &[(&'static str, T)],
        expected: &'static str,
    ) -> Option<T> {
        let text = self.string(value)?;
        let choice = known.iter().find(|(name, _)| *name == text).map(|&(_, choice)| choice);
        if choice.is_none() {
            let nearest = nearest(text, known.iter().map(|&(name, _)| name));
            self.report(value.span(), ProblemKind::UnknownChoice { expected, nearest });
        }
        choice
    }

    pub(super) fn valid<T, E: Into<ProblemKind>>(
        &mut self,
        value: &Value<'_>,
        checked: Option<Result<T, E>>,
    ) -> Option<T> {
        checked?.map_err(|error| self.report(value.span(), error)).ok()
    }

    pub(super) fn wrong_type(&mut self, expected: &'static str, value: &Value<'_>) {
        let found = type_of(value.get_ref());
        self.report(value.span(), ProblemKind::WrongType { expected, found });
    }

    pub(super) fn unknown_at_top(&mut self, name: &Name<'_>, value: &'v Value<'v>) {
        let DeValue::Table(table) = value.get_ref() else {
            return self.unknown_field(name, "outside the tables", &FIELDS);
        };
        self.misplaced.extend(table.keys().map(|name| name.get_ref().as_ref()));
        let nearest = nearest(name.get_ref(), TABLES);
        let kind = ProblemKind::UnknownTable { name: showable(name.get_ref()), nearest };
        self.report(name.span(), kind);
    }

    pub(super) fn unknown_field(
        &mut self,
        name: &Name<'_>,
        place: &'static str,
        known: &[&'static str],
    ) {
        let nearest = nearest(name.get_ref(), known.iter().copied());
        let name_shown = showable(name.get_ref());
        let kind = ProblemKind::UnknownField { name: name_shown, place, nearest };
        self.report(name.span(), kind);
    }
}
