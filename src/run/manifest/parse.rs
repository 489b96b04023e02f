//! From text to [`Manifest`], or to everything that is wrong with it.
//!
//! serde's derive stops at the first error, so the parsed TOML is walked by hand. A
//! value that is wrong is reported and left out, and the walk goes on: the manifest that
//! comes of it is thrown away.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{
    Conflict, Delivery, Inherit, Invalid, Lifted, Manifest, PROJECT_MAX_BYTES, ProblemKind,
    SecretReference, compose,
    problem::Found,
    walk::{Variable, Walk},
};
use crate::{
    mistake::{
        Kind, nearest,
        text::{Broken, Name, Value, in_order, parse},
    },
    secret::{TrustProfileName, validate_secret_key},
    variable::{
        VariableName,
        pattern::NamePattern,
        refused::{Verdict, judge},
    },
};

pub(super) const FIELDS: [&str; 2] = ["pds", "project"];
pub(super) const TABLES: [&str; 4] = ["run", "vars", "secrets", "compose"];
pub(super) const RUN_FIELDS: [&str; 3] = ["profile", "inherit", "conflict"];
pub(super) const SECRET_FIELDS: [&str; 7] =
    ["key", "required", "profile", "generate", "default", "deliver", "about"];

impl Manifest {
    /// Reads `bytes`, the whole of the manifest `path`, which `owner` (a user id) owns.
    /// Variables that may not be set are told in [`Manifest::refused`].
    ///
    /// # Errors
    /// [`Invalid`], with every problem, and every variable that may not be set. Bytes of any
    /// kind get an answer: nothing panics.
    pub fn parse(
        bytes: &[u8],
        path: &Path,
        owner: u32,
        lifted: Lifted<'_>,
    ) -> Result<Self, Invalid> {
        let invalid = |text: &str, found| Invalid::new(path.to_owned(), text, found);
        let text = str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            let readable = str::from_utf8(&bytes[..at]).unwrap_or_default();
            invalid(readable, vec![(at..at, ProblemKind::NotUtf8)])
        })?;
        if text.starts_with('\u{feff}') {
            return Err(invalid(text, vec![(0..3, ProblemKind::ByteOrderMark)]));
        }
        let mut manifest = Self::new(path, owner);
        let (mut found, refused) = match parse(text) {
            Ok(document) => found_in(text, document.get_ref(), &mut manifest, lifted),
            Err(Broken { wrong, rest }) => {
                let rest = rest.as_deref().map(parse);
                let (mut found, refused) = match &rest {
                    Some(Ok(rest)) => found_in(text, rest.get_ref(), &mut manifest, lifted),
                    _ => Default::default(),
                };
                found.retain(|(_, kind)| !kind.is_absence());
                let syntax = |(at, words)| (at, ProblemKind::Syntax(words));
                found.extend(wrong.into_iter().map(syntax));
                (found, refused)
            }
        };
        if found.is_empty() {
            let is_refused = !refused.is_empty();
            manifest.refused = is_refused.then(|| Box::new(invalid(text, refused)));
            return Ok(manifest);
        }
        found.extend(refused);
        Err(invalid(text, found))
    }

    /// One that asks for nothing.
    fn new(path: &Path, owner: u32) -> Self {
        Self {
            path: path.to_owned(),
            directory: path.parent().unwrap_or(path).to_owned(),
            owner,
            project: None,
            profiles: Vec::new(),
            inherit: Inherit::All,
            conflict: Conflict::Secret,
            vars: Vec::new(),
            secrets: Vec::new(),
            compose: Vec::new(),
            warned: Vec::new(),
            lifted: Vec::new(),
            refused: None,
        }
    }
}

/// What is wrong with `document`; and of the variables that it sets those that may not be.
fn found_in<'v>(
    text: &'v str,
    document: &'v DeTable<'v>,
    manifest: &mut Manifest,
    lifted: Lifted<'_>,
) -> (Vec<Found>, Vec<Found>) {
    let mut walk = Walk::new(text);
    walk.document(document, manifest);
    manifest.warned = walk.warned;
    // Only now is the config worth reading.
    let lifted = if walk.refused.is_empty() { None } else { lifted(&manifest.directory) };
    let Some(lifted) = lifted else { return (walk.found, Vec::new()) };
    manifest.lifted = lifted;
    let is_refused = |name: &str| matches!(judge(name, &manifest.lifted), Verdict::Refused(_));
    let refused = walk.refused.into_iter().filter(|(_, one)| is_refused(&one.name));
    (walk.found, refused.map(|(at, one)| (at, one.into())).collect())
}

/// Whether a secret is no variable, or nobody can tell, because what it says of its
/// delivery is wrong.
fn is_hidden(secret: &Value<'_>) -> bool {
    let DeValue::Table(table) = secret.get_ref() else { return false };
    let is_env = |value: &Value<'_>| value.get_ref().as_str() == Some("env");
    table.get("deliver").map_or(has(table, "deliver", &SECRET_FIELDS), |value| !is_env(value))
}

/// Whether `table` has the field, or one of a wrong name that is told to be meant for it.
fn has(table: &DeTable<'_>, field: &str, known: &[&'static str]) -> bool {
    let is_meant =
        |name: &str| !known.contains(&name) && nearest(name, known.iter().copied()) == Some(field);
    table.contains_key(field) || table.keys().any(|name| is_meant(name.get_ref()))
}

impl<'v> Walk<'v> {
    fn document(&mut self, document: &'v DeTable<'v>, manifest: &mut Manifest) {
        if !has(document, "pds", &FIELDS) {
            self.report(0..0, ProblemKind::NoVersion);
        }
        let mut templates = Vec::new();
        for (name, value) in in_order(document) {
            match name.get_ref().as_ref() {
                "pds" => self.version(value),
                "project" => manifest.project = self.project(value),
                "run" => self.run(value, manifest),
                "vars" => {
                    for variable in self.variables(value) {
                        self.judge(&variable);
                        let text = self.value(variable.value);
                        if let Some(text) = text {
                            self.fits(&variable, text, variable.value.span());
                        }
                        manifest.vars.extend(variable.name.zip(text.map(str::to_owned)));
                    }
                }
                "secrets" => {
                    for variable in self.variables(value) {
                        let secret = self.secret(&variable);
                        manifest.secrets.extend(secret);
                    }
                }
                "compose" => {
                    for variable in self.variables(value) {
                        self.judge(&variable);
                        let source = self.value(variable.value);
                        let at = variable.value.span();
                        templates.extend(variable.name.zip(source).map(|(n, s)| (n, s, at)));
                    }
                }
                _ => self.unknown_at_top(name, value),
            }
        }
        manifest.compose = compose::in_order(self, templates);
    }

    fn version(&mut self, value: &Value<'_>) {
        let is_one = |text: &str, radix| i64::from_str_radix(text, radix) == Ok(1);
        match value.get_ref() {
            DeValue::Integer(number) if is_one(number.as_str(), number.radix()) => {}
            DeValue::Integer(_) => self.report(value.span(), ProblemKind::OtherVersion),
            _ => self.wrong_type("an integer", value),
        }
    }

    fn project(&mut self, value: &'v Value<'v>) -> Option<String> {
        let name = self.string(value)?;
        let fits =
            (1..=PROJECT_MAX_BYTES).contains(&name.len()) && !name.contains(char::is_control);
        if !fits {
            self.report(value.span(), ProblemKind::Project);
        }
        fits.then(|| name.to_owned())
    }

    fn run(&mut self, value: &'v Value<'v>, manifest: &mut Manifest) {
        let Some(table) = self.table(value) else {
            return;
        };
        for (name, value) in in_order(table) {
            match name.get_ref().as_ref() {
                "profile" => manifest.profiles = self.profiles(value),
                "inherit" => manifest.inherit = self.inherit(value),
                "conflict" => {
                    let expected = "`secret`, `environment` or `error`";
                    let conflict = self.choice(value, &Conflict::ALL, expected);
                    manifest.conflict = conflict.unwrap_or(manifest.conflict);
                }
                _ => self.unknown_field(name, "in `[run]`", &RUN_FIELDS),
            }
        }
    }

    fn inherit(&mut self, value: &'v Value<'v>) -> Inherit {
        if matches!(value.get_ref(), DeValue::String(_)) {
            self.choice(value, &[("all", ())], "`\"all\"`, or a list of names,");
            return Inherit::All;
        }
        let mut patterns = Vec::new();
        for value in self.list(value, "`\"all\"`, or a list of names,") {
            let pattern = self.string(value).map(NamePattern::new);
            patterns.extend(self.valid(value, pattern));
        }
        Inherit::Only(patterns)
    }

    fn secret(&mut self, of: &Variable<'v>) -> Option<SecretReference> {
        let value = of.value;
        if !is_hidden(value) {
            self.judge(of);
        }
        let variable = of.name.clone().or_else(|| VariableName::new("_").ok())?;
        let mut secret = SecretReference {
            variable,
            key: String::new(),
            required: true,
            profiles: Vec::new(),
            generate: None,
            default: None,
            delivery: Delivery::Env,
            about: None,
        };
        if matches!(value.get_ref(), DeValue::String(_)) {
            secret.key = self.key(value)?;
            return Some(secret);
        }
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type("a key, or a table with one,", value);
            return None;
        };
        for (name, value) in in_order(table) {
            self.secret_field(name, value, &mut secret);
        }
        if !has(table, "key", &SECRET_FIELDS) {
            self.report(value.span(), ProblemKind::NoKey);
        }
        if let (Some(text), Some(at), false) =
            (&secret.default, table.get("default"), is_hidden(value))
        {
            self.fits(of, text, at.span());
        }
        if table.contains_key("generate") && table.contains_key("default") {
            self.report(value.span(), ProblemKind::GenerateAndDefault);
        }
        Some(secret)
    }

    fn secret_field(&mut self, name: &'v Name<'v>, value: &'v Value<'v>, to: &mut SecretReference) {
        match name.get_ref().as_ref() {
            "key" => to.key = self.key(value).unwrap_or_default(),
            "required" => match value.get_ref() {
                DeValue::Boolean(required) => to.required = *required,
                _ => self.wrong_type("`true` or `false`", value),
            },
            "profile" => to.profiles = self.profiles(value),
            "generate" => {
                let how = self.string(value).map(str::parse);
                to.generate = self.valid(value, how);
            }
            "default" => to.default = self.value(value).map(str::to_owned),
            "deliver" => {
                let delivery = self.choice(value, &Delivery::ALL, "`env` or `hidden`");
                to.delivery = delivery.unwrap_or(to.delivery);
            }
            "about" => to.about = self.string(value).map(str::to_owned),
            _ => self.unknown_field(name, "of a secret", &SECRET_FIELDS),
        }
    }

    fn key(&mut self, value: &'v Value<'v>) -> Option<String> {
        let key = self.string(value);
        self.valid(value, key.map(|key| validate_secret_key(key).map(|()| key.to_owned())))
    }

    fn profiles(&mut self, value: &'v Value<'v>) -> Vec<TrustProfileName> {
        let several = self.list_or_one(value);
        if several.is_empty() && matches!(value.get_ref(), DeValue::Array(_)) {
            self.report(value.span(), ProblemKind::NoProfile);
        }
        let mut profiles = Vec::new();
        for value in several {
            let name = self.string(value).map(TrustProfileName::new);
            let Some(name) = self.valid(value, name) else {
                continue;
            };
            if profiles.contains(&name) {
                self.report(value.span(), ProblemKind::ProfileTwice(name.to_string()));
            }
            profiles.push(name);
        }
        profiles
    }
}
