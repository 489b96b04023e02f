//! What is the matter, for a program: each thing with a code that stays the same.
//!
//! The codes are where the errors are: one `match` without a catch-all for each enum, so
//! that no variant is without one. pds(1) lists them all.
#![forbid(unsafe_code)]

use std::collections::HashSet;

use serde_json::{Value, json};

use super::Error;
use crate::{
    client::{AskError, Refusal},
    commands::CommandError,
    config::ConfigError,
    mistake::{Invalid, Kind, Mistake},
    run::{RunError, manifest::ManifestError},
    say::Told,
};

/// One thing that is the matter.
#[derive(Debug)]
pub struct Finding {
    /// Stable: scripts read it.
    pub code: &'static str,
    /// The words for a person.
    pub told: Told,
    /// What it is about: a profile and a key, or a line and a column.
    about: Value,
}

impl Finding {
    fn new(code: &'static str, told: Told) -> Self {
        Self { code, told, about: json!({}) }
    }

    fn as_json(&self) -> Value {
        let mut object = self.about.clone();
        object["code"] = json!(self.code);
        object["message"] = json!(self.told.message);
        object["hint"] = json!(self.told.hint);
        object
    }
}

/// Findings as `--json` shows them, under `problems`.
#[must_use]
pub fn as_json(findings: &[Finding]) -> Value {
    findings.iter().map(Finding::as_json).collect()
}

impl Error {
    /// Everything that is the matter. None of what was shown already.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        match self {
            Self::Usage(_) => self.each("usage"),
            Self::Home(error) => self.each(error.code()),
            Self::Run(error) => of_run(error),
            Self::Ask(error) => of_ask(error),
            Self::Command(error) => of_command(error, self),
        }
    }

    /// What a person is told, all under one code.
    fn each(&self, code: &'static str) -> Vec<Finding> {
        self.told().into_iter().map(|told| Finding::new(code, told)).collect()
    }
}

/// What is refused, each with its profile and its key.
#[must_use]
pub fn of_refusals(refusals: &[Refusal]) -> Vec<Finding> {
    let one = |refusal: &Refusal| {
        let about = [("profile", &refusal.profile), ("key", &refusal.key)];
        let about = about.into_iter().filter(|(_, name)| !name.is_empty());
        Finding {
            code: refusal.reason.word(),
            told: refusal.told(),
            about: about.map(|(field, name)| (field.to_owned(), json!(name))).collect(),
        }
    };
    let mut seen = HashSet::new();
    refusals.iter().filter(|refusal| seen.insert(*refusal)).map(one).collect()
}

fn of_ask(error: &AskError) -> Vec<Finding> {
    let all = |code| error.told().into_iter().map(|told| Finding::new(code, told)).collect();
    match error {
        AskError::Refused(refusals) => of_refusals(refusals),
        AskError::Client(client) => all(client.code()),
        AskError::Password(password) => all(password.code()),
    }
}

fn of_mistakes<K: Kind>(invalid: &Invalid<K>) -> Vec<Finding> {
    let one = |mistake: &Mistake<K>| Finding {
        code: mistake.kind.code(),
        told: Told::new(&mistake.kind, mistake.kind.hint()),
        about: json!({ "line": mistake.line, "column": mistake.column }),
    };
    invalid.mistakes.iter().map(one).collect()
}

/// What keeps a command from running, taken apart.
#[must_use]
pub fn of_run(error: &RunError) -> Vec<Finding> {
    match error {
        RunError::Ask(error) => of_ask(error),
        RunError::Manifest(ManifestError::Invalid(invalid)) => of_mistakes(invalid),
        RunError::Config { error: ConfigError::Invalid(invalid), .. } => of_mistakes(invalid),
        RunError::Several(all) => all.iter().flat_map(of_run).collect(),
        RunError::Environment(problems) => {
            let codes = problems.iter().map(|problem| problem.code());
            codes.zip(error.told()).map(|(code, told)| Finding::new(code, told)).collect()
        }
        other => other.told().into_iter().map(|told| Finding::new(other.code(), told)).collect(),
    }
}

fn of_command(error: &CommandError, whole: &Error) -> Vec<Finding> {
    let mut all = error.code().map_or_else(Vec::new, |code| whole.each(code));
    if let (Some((line, column)), [only]) = (error.place(), all.as_mut_slice()) {
        only.about = json!({ "line": line, "column": column });
    }
    all
}
