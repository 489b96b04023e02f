//! From text to [`Config`], or to everything that is wrong with it.

use std::{collections::BTreeMap, time::Duration};

use toml::de::{DeTable, DeValue};

use super::{
    Approval, Audit, Config, ConfigProblem, Grants, Lifetimes, Lift, ProfileKey, Rate, TrailSync,
    parse_duration,
};
use crate::{
    mistake::{
        Found, Kind, nearest,
        text::{Broken, Name, Value, in_order, parse, showable, type_of},
    },
    secret::TrustProfileName,
    variable::refused::{self, Verdict},
};

const FIELDS: [&str; 2] = ["approval", "history"];
const TABLES: [&str; 5] = ["lifetimes", "audit", "rate", "acl", "lift"];
const LIFETIMES: [&str; 3] = ["value", "unlocked", "idle"];
const RATE: [&str; 2] = ["burst", "per_second"];
/// What can be granted: the fields of [`Grants`].
pub(super) const OPERATIONS: [&str; 6] = ["get", "set", "delete", "list", "unlock", "lock"];

/// Reads `text`.
pub(super) fn read(text: &str) -> Result<Config, Vec<Found<ConfigProblem>>> {
    match parse(text) {
        Ok(document) => {
            let mut walk = Walk { found: Vec::new() };
            let config = walk.document(document.get_ref());
            if walk.found.is_empty() { Ok(config) } else { Err(walk.found) }
        }
        Err(Broken { wrong, rest }) => {
            let mut walk = Walk { found: Vec::new() };
            if let Some(Ok(document)) = rest.as_deref().map(parse) {
                walk.document(document.get_ref());
            }
            walk.found.retain(|(_, kind)| !kind.is_absence());
            let syntax = |(at, words)| (at, ConfigProblem::Syntax(words));
            walk.found.extend(wrong.into_iter().map(syntax));
            Err(walk.found)
        }
    }
}

/// Each part gives what it should be, or reports what it is; the config that comes of a
/// walk with reports is thrown away.
struct Walk {
    found: Vec<Found<ConfigProblem>>,
}

impl Walk {
    fn report(&mut self, at: std::ops::Range<usize>, kind: impl Into<ConfigProblem>) {
        self.found.push((at, kind.into()));
    }

    fn document(&mut self, document: &DeTable<'_>) -> Config {
        let mut config = Config::default();
        for (name, value) in in_order(document) {
            match name.get_ref().as_ref() {
                "approval" => self.approval(value, &mut config.approval),
                "history" => config.history = self.number(value),
                "lifetimes" => self.lifetimes(value, &mut config.lifetimes),
                "audit" => self.audit(value, &mut config.audit),
                "rate" => {
                    for (name, value) in self.entries(value) {
                        let rate = self.rate(name, value);
                        config.rate.insert(name.get_ref().to_string(), rate);
                    }
                }
                "acl" => self.rules(value, &mut config.acl),
                "lift" => {
                    for (name, value) in self.entries(value) {
                        let lift = self.lift(value);
                        config.lift.insert(name.get_ref().to_string(), lift);
                    }
                }
                _ if matches!(value.get_ref(), DeValue::Table(_)) => {
                    let nearest = nearest(name.get_ref(), TABLES);
                    let name_shown = showable(name.get_ref());
                    let kind = ConfigProblem::UnknownTable { name: name_shown, nearest };
                    self.report(name.span(), kind);
                }
                _ => self.unknown(name, "outside the tables", &FIELDS),
            }
        }
        config
    }

    fn approval(&mut self, value: &Value<'_>, to: &mut Approval) {
        match self.string(value) {
            Some("on") => *to = Approval::On,
            Some("off") => *to = Approval::Off,
            Some(other) => {
                let nearest = nearest(other, ["on", "off"]);
                let expected = "`\"on\"` or `\"off\"`";
                self.report(value.span(), ConfigProblem::UnknownChoice { expected, nearest });
            }
            None => {}
        }
    }

    fn lifetimes(&mut self, value: &Value<'_>, to: &mut Lifetimes) {
        for (name, value) in self.entries(value) {
            match name.get_ref().as_ref() {
                "value" => self.duration(value, &mut to.value),
                "unlocked" => self.duration(value, &mut to.unlocked),
                "idle" => self.duration(value, &mut to.idle),
                _ => self.unknown(name, "in `[lifetimes]`", &LIFETIMES),
            }
        }
    }

    fn audit(&mut self, value: &Value<'_>, to: &mut Audit) {
        for (name, value) in self.entries(value) {
            match name.get_ref().as_ref() {
                "sync" if value.get_ref().as_str() == Some("always") => to.sync = TrailSync::Always,
                "sync" => {
                    let mut within = Duration::ZERO;
                    self.duration(value, &mut within);
                    to.sync = TrailSync::Within(within);
                }
                _ => self.unknown(name, "in `[audit]`", &["sync"]),
            }
        }
    }

    fn rate(&mut self, of: &Name<'_>, value: &Value<'_>) -> Rate {
        let mut rate = Rate { burst: 0, per_second: 0 };
        for (name, value) in self.entries(value) {
            match name.get_ref().as_ref() {
                "burst" => rate.burst = self.number(value),
                "per_second" => rate.per_second = self.number(value),
                _ => self.unknown(name, "of a rate", &RATE),
            }
        }
        if let DeValue::Table(table) = value.get_ref() {
            for field in RATE.into_iter().filter(|field| !table.contains_key(*field)) {
                self.report(of.span(), ConfigProblem::Missing(field));
            }
        }
        rate
    }

    fn rules(
        &mut self,
        value: &Value<'_>,
        to: &mut BTreeMap<ProfileKey, BTreeMap<String, Grants>>,
    ) {
        for (name, value) in self.entries(value) {
            let profile = TrustProfileName::new(name.get_ref());
            let profile = profile.map_err(|wrong| self.report(name.span(), wrong)).ok();
            let mut rules = BTreeMap::new();
            for (requester, value) in self.entries(value) {
                rules.insert(requester.get_ref().to_string(), self.grants(value));
            }
            to.extend(profile.map(|profile| (ProfileKey(profile), rules)));
        }
    }

    fn grants(&mut self, value: &Value<'_>) -> Grants {
        let mut grants = Grants::default();
        for (name, value) in self.entries(value) {
            match grants.of(name.get_ref()) {
                Some(globs) => *globs = self.strings(value),
                None => self.unknown(name, "of a rule", &OPERATIONS),
            }
        }
        grants
    }

    fn lift(&mut self, value: &Value<'_>) -> Lift {
        let mut lift = Lift::default();
        for (name, value) in self.entries(value) {
            match name.get_ref().as_ref() {
                "variables" => {
                    lift.variables = self.strings(value);
                    self.refuse_what_nothing_lifts(value);
                }
                _ => self.unknown(name, "in `[lift]`", &["variables"]),
            }
        }
        lift
    }

    /// Whoever lists one believes that it is set: a rule that does nothing is a mistake. Of a
    /// pattern that is so if all that it could stand for is on one line of the list.
    fn refuse_what_nothing_lifts(&mut self, value: &Value<'_>) {
        let DeValue::Array(list) = value.get_ref() else { return };
        for value in list.iter() {
            let Some(name) = value.get_ref().as_str() else { continue };
            if let Verdict::Refused(listed) = refused::judge(name, &[name]) {
                let name = showable(name);
                let kind = ConfigProblem::NeverLifted { name, reason: listed.reason };
                self.report(value.span(), kind);
            }
        }
    }

    // ---- the parts that these are made of

    fn entries<'v, 'i>(&mut self, value: &'v Value<'i>) -> Vec<(&'v Name<'i>, &'v Value<'i>)> {
        match value.get_ref() {
            DeValue::Table(table) => in_order(table),
            _ => {
                self.wrong_type("a table", value);
                Vec::new()
            }
        }
    }

    fn strings(&mut self, value: &Value<'_>) -> Vec<String> {
        let DeValue::Array(list) = value.get_ref() else {
            self.wrong_type("a list", value);
            return Vec::new();
        };
        list.iter().filter_map(|value| self.string(value).map(str::to_owned)).collect()
    }

    fn string<'v>(&mut self, value: &'v Value<'_>) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type("a string", value);
        }
        text
    }

    fn number(&mut self, value: &Value<'_>) -> u32 {
        let DeValue::Integer(number) = value.get_ref() else {
            self.wrong_type("an integer", value);
            return 0;
        };
        u32::from_str_radix(number.as_str(), number.radix()).unwrap_or_else(|_| {
            self.report(value.span(), ConfigProblem::Number);
            0
        })
    }

    fn duration(&mut self, value: &Value<'_>, to: &mut Duration) {
        match self.string(value).map(parse_duration) {
            Some(Ok(duration)) => *to = duration,
            Some(Err(wrong)) => self.report(value.span(), ConfigProblem::Duration(wrong)),
            None => {}
        }
    }

    fn wrong_type(&mut self, expected: &'static str, value: &Value<'_>) {
        let found = type_of(value.get_ref());
        self.report(value.span(), ConfigProblem::WrongType { expected, found });
    }

    fn unknown(&mut self, name: &Name<'_>, place: &'static str, known: &[&'static str]) {
        let nearest = nearest(name.get_ref(), known.iter().copied());
        let name_shown = showable(name.get_ref());
        self.report(name.span(), ConfigProblem::UnknownField { name: name_shown, place, nearest });
    }
}
