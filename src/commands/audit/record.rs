//! One line of the trail, as a person reads it. What is shown is not checked.

use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    cli::AuditFilter,
    say::{self, escaped, folded},
};

/// The longest operation's name, `client-revoke`.
const OPERATION_COLUMNS: usize = 13;
/// What stands before a line that goes on: as much as a time takes.
const INDENT: &str = "                     ";

/// What a line says, as far as it is shown. Nothing here is believed to be whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    pub(super) kind: String,
    pub(super) time: String,
    requester: String,
    pid: i64,
    operation: String,
    profiles: Vec<String>,
    /// Names in an operation's line; sealed keys, which are not shown, in others.
    keys: Vec<serde_json::Value>,
    outcome: String,
    reasons: Vec<String>,
    client: Option<String>,
    project: Option<String>,
    command: Option<String>,
    count: Option<u64>,
    duration_ms: Option<u64>,
    segment: u64,
    why: String,
    profile: String,
}

impl Record {
    /// Reads a line; `None` if it is torn, or none.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// When, if it is a time.
    pub(super) fn at(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }

    fn key_names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(serde_json::Value::as_str)
    }

    /// Whether a filter lets it through. What is about the trail itself has none of
    /// what is filtered by.
    pub(super) fn passes(&self, filter: &AuditFilter) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        let key = filter.key.as_deref();
        key.is_none_or(|wanted| self.key_names().any(|key| key == wanted))
            && is(&filter.client, Some(&self.requester))
            && is(&filter.project, self.project.as_deref())
            && is(&filter.outcome, Some(&self.outcome))
    }

    /// For a person: on a terminal what is to be seen first, and the rest below it; elsewhere
    /// one row of columns.
    pub(super) fn shown(&self) -> String {
        if say::is_page() { self.page() } else { self.row() }
    }

    fn time(&self) -> String {
        self.time.get(..19).unwrap_or(&self.time).replace('T', " ")
    }

    /// When, who, what, and how that ended; below it where, which keys, and for what.
    fn page(&self) -> String {
        if self.kind != "operation" {
            return self.row();
        }
        let (time, who, operation) = (self.time(), self.who(), &self.operation);
        let outcome = self.outcome().replace(',', ", ");
        let about = [self.profiles.join(", "), self.key_names().collect::<Vec<_>>().join(", ")];
        let about: Vec<_> = about.into_iter().chain([self.claims()]).collect();
        let about = about.iter().filter(|text| !text.is_empty()).map(String::as_str);
        let about = about.collect::<Vec<_>>().join("  ");
        let first = format!("{time}  {who:<16} {operation:<OPERATION_COLUMNS$} {outcome}");
        // Everything here is from a file, and some of it from a peer's own words.
        let line = |text: &str| folded(escaped(text).to_string().trim_end(), INDENT.len()) + "\n";
        let below = if about.is_empty() { about } else { line(&format!("{INDENT}{about}")) };
        line(&first) + &below
    }

    /// One row for a person: time, who, what, where, which keys, outcome, for what.
    fn row(&self) -> String {
        let time = self.time();
        let what = match self.kind.as_str() {
            "operation" => self.operation_row(),
            "segment" => format!("the daemon began segment {} of the trail", self.segment),
            "key" => "the key of the trail was given to another vault".to_owned(),
            "close" => format!("the segment ended: {}", self.why),
            "lost" => format!("the trail was not the one noted for profile `{}`", self.profile),
            _ => "a line of an unknown kind".to_owned(),
        };
        format!("{}\n", escaped(&format!("{time}  {what}")))
    }

    fn who(&self) -> String {
        format!("{}[{}]", self.requester, self.pid)
    }

    fn claims(&self) -> String {
        let claims = [&self.client, &self.project, &self.command];
        claims.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("/")
    }

    fn outcome(&self) -> String {
        let mut outcome = self.outcome.clone();
        if !self.reasons.is_empty() {
            outcome = format!("{outcome}: {}", self.reasons.join(","));
        }
        if let Some(count) = self.count {
            outcome = format!("{outcome} ({count} times)");
        }
        if let Some(took) = self.duration_ms {
            outcome = format!("{outcome} after {}.{:03} s", took / 1000, took % 1000);
        }
        outcome
    }

    fn operation_row(&self) -> String {
        let (who, operation, outcome) = (self.who(), &self.operation, self.outcome());
        let profiles = or_dash(self.profiles.join(","));
        let keys = or_dash(self.key_names().collect::<Vec<_>>().join(","));
        let claims = self.claims();
        let row = format!(
            "{who:<18} {operation:<OPERATION_COLUMNS$} {profiles:<10} {keys:<24} {outcome}  {claims}"
        );
        row.trim_end().to_owned()
    }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"n":2,"kind":"operation","time":"2026-01-31T12:00:00.5Z","requester":"launcher","pid":7,"operation":"run","profiles":["work"],"keys":["db/a","db/b"],"outcome":"granted","project":"billing","command":"\u001b]0;x\u0007","mac":"00"}"#;

    #[test]
    fn a_row_names_everything_and_nothing_of_it_acts_on_a_terminal() {
        let row = Record::parse(LINE.as_bytes()).unwrap().row();
        for part in ["2026-01-31 12:00:00", "launcher[7]", "run", "work", "db/a,db/b", "granted"] {
            assert!(row.contains(part), "{row}");
        }
        assert!(row.contains("billing/\\u{1b}]0;x\\u{7}"), "{row}");
    }

    #[test]
    fn a_terminal_is_shown_how_it_ended_first_and_no_line_is_wider_than_it() {
        let keys: Vec<_> = (0..20).map(|n| format!("\"db/key-{n}\"")).collect();
        let line = LINE.replace("\"db/a\",\"db/b\"", &keys.join(","));
        let page = Record::parse(line.as_bytes()).unwrap().page();
        let first = "2026-01-31 12:00:00  launcher[7]      run           granted";
        assert_eq!(page.lines().next(), Some(first));
        assert!(
            page.lines().count() > 2 && page.lines().all(|l| l.chars().count() <= 80),
            "{page}"
        );
        assert!(!page.contains('\u{1b}'), "{page}");
    }

    #[test]
    fn the_columns_stand_below_each_other_whatever_was_asked() {
        let at = |operation: &str| {
            let line = LINE.replace("\"run\"", &format!("\"{operation}\""));
            Record::parse(line.as_bytes()).unwrap().row().find(" work ").unwrap()
        };
        assert_eq!([at("client-revoke"), at("unlock-older")], [at("run"); 2]);
    }

    #[test]
    fn each_filter_takes_what_is_not_asked_for_out() {
        let record = Record::parse(LINE.as_bytes()).unwrap();
        let some = |text: &str| Some(text.to_owned());
        let none = AuditFilter::default;
        assert!(record.passes(&none()));
        for (yes, no) in [
            (
                AuditFilter { key: some("db/b"), ..none() },
                AuditFilter { key: some("db"), ..none() },
            ),
            (
                AuditFilter { client: some("launcher"), ..none() },
                AuditFilter { client: some("ci"), ..none() },
            ),
            (
                AuditFilter { project: some("billing"), ..none() },
                AuditFilter { project: some("b"), ..none() },
            ),
            (
                AuditFilter { outcome: some("granted"), ..none() },
                AuditFilter { outcome: some("denied"), ..none() },
            ),
        ] {
            assert!(record.passes(&yes) && !record.passes(&no), "{yes:?}");
        }
    }
}
