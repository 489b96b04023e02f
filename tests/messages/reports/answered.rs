//! Reports of what no test brings about: the real program shows what it is answered.

use pds::wire::message::{
    AuditFinding, AuditReport, AuditWhat, LandlockState, ProfileStatus, Response, Status,
};

use super::both_with;
use crate::support::{Sandbox, Tap};

/// This program's own, else `doctor` has something else to say.
const BUILD: &str = concat!("pds ", env!("CARGO_PKG_VERSION"));

pub(super) fn all() -> String {
    let sandbox = Sandbox::ready();
    let mut text = String::new();
    for status in statuses() {
        let _tap = Tap::answering(&sandbox, &Response::Status(status));
        text += &both_with(&sandbox, &["status"], &["swap"]);
        text += &both_with(&sandbox, &["doctor"], &["swap"]);
    }
    for findings in [findings(), notes()] {
        let (more, more_notes) = if findings.len() > 5 { (2, 1) } else { (0, 0) };
        let report =
            AuditReport { files: 3, segments: 7, lines: 4_711, findings, more, more_notes };
        let _tap = Tap::answering(&sandbox, &Response::AuditReport(report));
        text += &both_with(&sandbox, &["audit", "verify"], &[]);
    }
    text
}

/// As sound as can be, with less, and with the least.
fn statuses() -> [Status<'static>; 3] {
    let profile = |unlocked_for_ms, expired| ProfileStatus {
        profile: "work",
        unlocked_for_ms,
        expired,
        expiring: None,
        damaged: None,
    };
    let sound = || Status {
        build: BUILD,
        pid: 4711,
        memory: 0,
        profiles: Vec::new(),
        value_lifetime_ms: 300_000,
        config_error: None,
        landlock: LandlockState::Full,
        locked_memory_limit_bytes: None,
        is_dumpable: false,
    };
    let config = "/home/me/.config/pds/config.toml: line 1, column 1: there is no field \
                  `histroy` outside the tables; did you mean `history`?";
    [
        sound(),
        Status {
            landlock: LandlockState::Partial,
            locked_memory_limit_bytes: Some(8 << 20),
            profiles: vec![profile(Some(60_000), Some(1))],
            config_error: Some(config),
            ..sound()
        },
        Status {
            build: "pds 0.0.9",
            memory: 2,
            landlock: LandlockState::None,
            locked_memory_limit_bytes: Some(64 << 10),
            is_dumpable: true,
            profiles: vec![profile(None, None)],
            ..sound()
        },
    ]
}

fn finding(what: AuditWhat, from: u64, to: u64) -> AuditFinding<'static> {
    AuditFinding { what, file: 2, line: 12, segment: 7, from, to, profiles: "work" }
}

/// All that is tampering.
fn findings() -> Vec<AuditFinding<'static>> {
    use AuditWhat::*;
    let all = [
        (Altered, 0, 0),
        (Altered, 3, 5),
        (Missing, 3, 3),
        (Inserted, 0, 0),
        (OutOfOrder, 0, 0),
        (CutOff, 8, 9),
        (Replaced, 0, 0),
        (SegmentsMissing, 4, 4),
        (SegmentsMissing, 4, 6),
        (FilesMissing, 4, 4),
        (FilesMissing, 4, 6),
        (WentBack, 7, 12),
        (NoteAltered, 0, 0),
    ];
    let folder = |mut finding: AuditFinding<'static>| {
        // What is about no line of a file.
        if matches!(finding.what, SegmentsMissing | FilesMissing | WentBack | NoteAltered) {
            (finding.file, finding.line) = (0, 0);
        }
        finding
    };
    all.map(|(what, from, to)| folder(finding(what, from, to))).into()
}

/// All that is none.
fn notes() -> Vec<AuditFinding<'static>> {
    use AuditWhat::*;
    let none = AuditFinding { profiles: "", ..finding(NotChecked, 0, 0) };
    vec![finding(Torn, 0, 0), finding(NotClosed, 0, 0), finding(NotChecked, 0, 0), none]
}
