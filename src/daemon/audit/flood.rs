//! Denials in a row, summed up: one more line a second at most for each kind.

use std::{collections::HashMap, time::Duration};

use super::SecretOperationAudit;

/// So many denials of a kind have lines of their own before the rest are summed up.
pub(super) const OWN_LINES_MAX: u32 = 20;
/// A kind that was quiet for this long begins anew; a sum is written this often.
pub(super) const WINDOW: Duration = Duration::from_secs(1);
/// Kinds remembered at once; those beyond are summed up as one.
const KINDS_MAX: usize = 256;

/// What makes denials the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    requester: String,
    operation: String,
    reasons: Vec<&'static str>,
}

#[derive(Debug)]
struct Flood {
    /// When this window began, on CLOCK_BOOTTIME.
    begun: Duration,
    own_lines: u32,
    sum: Option<Sum>,
}

/// Denials that have no line yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sum {
    count: u64,
    since: String,
    pid: i32,
}

/// The denials of the last moment.
#[derive(Debug, Default)]
pub(super) struct Floods(HashMap<Kind, Flood>);

/// A sum to be written. It stays owed until [`Floods::settle`].
#[derive(Debug, Clone)]
pub(super) struct Owed {
    kind: Kind,
    sum: Sum,
}

impl Owed {
    pub(super) fn event(&self, time: String) -> SecretOperationAudit<'_> {
        SecretOperationAudit {
            time,
            requester: &self.kind.requester,
            pid: self.sum.pid,
            operation: &self.kind.operation,
            outcome: "denied",
            reasons: self.kind.reasons.clone(),
            count: Some(self.sum.count),
            since: Some(&self.sum.since),
            ..SecretOperationAudit::default()
        }
    }
}

impl Floods {
    /// Counts a denial in. True if it gets a line of its own.
    pub(super) fn has_own_line(&mut self, event: &SecretOperationAudit<'_>, now: Duration) -> bool {
        let flood = self.0.entry(self.kind_of(event)).or_insert_with(|| Flood {
            begun: now,
            own_lines: 0,
            sum: None,
        });
        if flood.own_lines < OWN_LINES_MAX {
            flood.own_lines += 1;
            return true;
        }
        let first = || Sum { count: 0, since: event.time.clone(), pid: event.pid };
        flood.sum.get_or_insert_with(first).count += 1;
        false
    }

    fn kind_of(&self, event: &SecretOperationAudit<'_>) -> Kind {
        let kind = Kind {
            requester: event.requester.to_owned(),
            operation: event.operation.to_owned(),
            reasons: event.reasons.clone(),
        };
        if self.0.len() < KINDS_MAX || self.0.contains_key(&kind) {
            return kind;
        }
        Kind { requester: "*".to_owned(), operation: "*".to_owned(), reasons: Vec::new() }
    }

    /// A sum whose time has come.
    pub(super) fn due(&mut self, now: Duration) -> Option<Owed> {
        let over = |flood: &Flood| now.saturating_sub(flood.begun) >= WINDOW;
        // A window in which nothing was summed up was the last one.
        self.0.retain(|_, flood| flood.sum.is_some() || !over(flood));
        self.owed(|_, flood| over(flood))
    }

    /// A sum that is to be on record before any other line of `requester` is.
    pub(super) fn before_line_of(&self, requester: &str) -> Option<Owed> {
        self.owed(|kind, _| kind.requester == requester || kind.requester == "*")
    }

    /// Any sum.
    pub(super) fn any(&self) -> Option<Owed> {
        self.owed(|_, _| true)
    }

    fn owed(&self, which: impl Fn(&Kind, &Flood) -> bool) -> Option<Owed> {
        self.0.iter().find_map(|(kind, flood)| {
            let sum = flood.sum.as_ref().filter(|_| which(kind, flood))?;
            Some(Owed { kind: kind.clone(), sum: sum.clone() })
        })
    }

    /// A sum is on record.
    pub(super) fn settle(&mut self, owed: &Owed, now: Duration) {
        if let Some(flood) = self.0.get_mut(&owed.kind) {
            flood.sum = None;
            flood.begun = now;
        }
    }
}
