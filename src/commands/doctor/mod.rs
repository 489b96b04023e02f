//! `doctor`: what protects you here, and what to do about what doesn't. Starts nothing.

mod daemon;
mod machine;
mod places;

use super::{CommandError, print};
use crate::{
    cli,
    error::Error,
    home::Home,
    say::{escaped, json_line, report_line},
};

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// As it should be.
    Ok,
    /// It works, with less protection than there could be.
    Degraded,
    /// Something is in the way or open to others.
    Wrong,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Wrong => "wrong",
        }
    }
}

/// One line of the doctor's.
#[derive(Debug)]
struct Check {
    /// Its stable name.
    name: &'static str,
    state: State,
    detail: String,
    /// What to do about it, if anything: where there is one, the very command.
    hint: Option<String>,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Ok, detail: detail.into(), hint: None }
    }

    fn new(name: &'static str, state: State, detail: impl Into<String>, hint: &str) -> Self {
        Self { name, state, detail: detail.into(), hint: Some(hint.to_owned()) }
    }
}

pub(super) fn doctor(options: &cli::Doctor, home: &Home) -> Result<(), Error> {
    let mut checks = daemon::checks(home);
    checks.extend(machine::checks(home));
    checks.push(places::check(home));
    let text = if options.json { as_json(&checks) } else { as_text(&checks) };
    print(text.as_bytes())?;
    // What could be better is shown, and no reason to fail a script.
    match checks.iter().any(|check| check.state == State::Wrong) {
        true => Err(CommandError::Said { status: 1 }.into()),
        false => Ok(()),
    }
}

/// Where what is told begins.
const COLUMN: usize = 25;

fn as_text(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let (state, name) = (check.state.word(), check.name);
        let line = format!("{state:9} {name:14} {}", escaped(&check.detail));
        text.push_str(&report_line(&line, COLUMN));
        if let Some(hint) = &check.hint {
            text.push_str(&format!("{:9} hint: {}\n", "", escaped(hint)));
        }
    }
    text
}

fn as_json(checks: &[Check]) -> String {
    let check = |check: &Check| {
        serde_json::json!({
            "check": check.name,
            "state": check.state.word(),
            "detail": check.detail,
            "hint": check.hint,
        })
    };
    json_line(&serde_json::json!({ "checks": checks.iter().map(check).collect::<Vec<_>>() }))
}

#[cfg(test)]
impl Check {
    /// All that is told of it, whatever it is printed to.
    fn told(&self) -> (State, &str, Option<&str>) {
        (self.state, &self.detail, self.hint.as_deref())
    }
}
