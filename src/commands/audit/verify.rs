//! `audit verify`: asks the daemon, which alone can open the chain's keys.

use crate::{
    cli::AuditVerify,
    client::{Asker, ClientError, Passwords, Wanted},
    commands::{CommandError, print},
    error::{self, Error, Finding},
    home::{Home, audit_file},
    say::{count, escaped, json_line, report_line},
    secret::SecureBuffer,
    wire::message::{AuditFinding, AuditReport, AuditWhat, Request, Response},
};

pub(super) fn verify(options: &AuditVerify, home: &Home) -> Result<(), Error> {
    // No source of passwords: which profile to unlock is the person's to choose.
    let passwords = Passwords::default();
    let mut asker = Asker::new(home, &passwords);
    let mut buffer = SecureBuffer::new()?;
    let about = [Wanted { profiles: Vec::new(), key: "" }];
    let Response::AuditReport(report) = asker.ask(&Request::AuditVerify, &about, &mut buffer)?
    else {
        return Err(ClientError::Malformed.into());
    };
    let verdict = verdict(&report);
    if options.json {
        let problems = verdict.as_ref().map_or_else(Error::findings, |()| Vec::new());
        print(as_json(&report, &problems).as_bytes())?;
        return verdict
            .map_err(|error| CommandError::Said { status: error.exit_status(false) }.into());
    }
    print(as_text(&report, home).as_bytes())?;
    verdict
}

/// What comes of it: an error, unless all of the trail was checked and is as it was written.
fn verdict(report: &AuditReport<'_>) -> Result<(), Error> {
    if report.findings.iter().any(|finding| finding.what.is_tampering()) || report.more > 0 {
        return Err(CommandError::TrailAltered.into());
    }
    let is_left = |finding: &&AuditFinding<'_>| {
        finding.what == AuditWhat::NotChecked && !finding.profiles.is_empty()
    };
    match report.findings.iter().find(is_left) {
        Some(left) => {
            let profile = left.profiles.split(',').next().unwrap_or_default().to_owned();
            Err(CommandError::TrailNotChecked { profile }.into())
        }
        None => Ok(()),
    }
}

fn as_text(report: &AuditReport<'_>, home: &Home) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let place = match (finding.file, finding.line) {
            (0, _) => home.audit(),
            (file, _) => audit_file(&home.audit(), file),
        };
        let line = if finding.line == 0 { String::new() } else { format!(":{}", finding.line) };
        let place = place.to_string_lossy();
        let finding = format!("{}{line}: {}", escaped(&place), words(finding));
        text.push_str(&report_line(&finding, 5));
    }
    if report.more > 0 {
        text.push_str(&format!("and {} of tampering\n", count(report.more, "more finding")));
    }
    if report.more_notes > 0 {
        text.push_str(&format!("and {}\n", count(report.more_notes, "more remark")));
    }
    let AuditReport { files, segments, lines, .. } = report;
    let counted = [(lines, "line"), (segments, "segment"), (files, "file")];
    let counted = counted.map(|(many, one)| count(*many, one)).join(" in ");
    text.push_str(&format!("{counted}\n"));
    text
}

/// What was found, in words. Lines inside of a segment are counted from its first.
fn words(finding: &AuditFinding<'_>) -> String {
    let AuditFinding { segment, from, to, .. } = finding;
    let range = if from == to { format!("line {from}") } else { format!("lines {from} to {to}") };
    let profiles = escaped(finding.profiles);
    match finding.what {
        AuditWhat::Altered if *to > 0 => {
            format!("altered: {range} of segment {segment} are not what a later line vouches for")
        }
        AuditWhat::Altered => "altered: this line is not as it was written".to_owned(),
        AuditWhat::Missing => format!("removed: {range} of segment {segment}, before this line"),
        AuditWhat::Inserted => "inserted: this is no line that was written here".to_owned(),
        AuditWhat::OutOfOrder => "reordered: this line belongs before others above it".to_owned(),
        AuditWhat::CutOff => format!("cut off: {range} of segment {segment}, after this line"),
        AuditWhat::Replaced => {
            format!("replaced: segment {segment} did not end with this line as it is")
        }
        AuditWhat::SegmentsMissing if from == to => format!("removed: segment {from}"),
        AuditWhat::SegmentsMissing => format!("removed: segments {from} to {to}"),
        AuditWhat::FilesMissing if from == to => format!("removed: file {from}"),
        AuditWhat::FilesMissing => format!("removed: files {from} to {to}"),
        AuditWhat::WentBack => format!(
            "went back: line {to} of segment {from} was gone when profile `{profiles}` was unlocked"
        ),
        AuditWhat::NoteAltered => {
            format!("the note of the trail's head for profile `{profiles}` was altered")
        }
        AuditWhat::Torn => {
            "torn: a write was cut off here, and nothing was released for it".to_owned()
        }
        AuditWhat::NotClosed => format!(
            "not closed: the daemon ended without a closing line for segment {segment}; \
             nothing vouches for lines after this one, if there were any"
        ),
        AuditWhat::NotChecked if finding.profiles.is_empty() => {
            format!("not checked: segment {segment} is sealed to no vault; there was none")
        }
        AuditWhat::NotChecked => {
            format!("not checked: segment {segment} needs one of these profiles: {profiles}")
        }
    }
}

fn as_json(report: &AuditReport<'_>, problems: &[Finding]) -> String {
    let finding = |finding: &AuditFinding<'_>| {
        serde_json::json!({
            "what": word(finding.what),
            "tampering": finding.what.is_tampering(),
            "file": finding.file,
            "line": finding.line,
            "segment": finding.segment,
            "from": finding.from,
            "to": finding.to,
            "profiles": finding.profiles.split(',').filter(|p| !p.is_empty()).collect::<Vec<_>>(),
            "message": words(finding),
        })
    };
    let is_tampered = report.findings.iter().any(|finding| finding.what.is_tampering());
    let object = serde_json::json!({
        "honest": !is_tampered && report.more == 0,
        "files": report.files,
        "segments": report.segments,
        "lines": report.lines,
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "more": report.more,
        "more_notes": report.more_notes,
        "problems": error::as_json(problems),
    });
    json_line(&object)
}

fn word(what: AuditWhat) -> &'static str {
    match what {
        AuditWhat::Altered => "altered",
        AuditWhat::Missing => "missing",
        AuditWhat::Inserted => "inserted",
        AuditWhat::OutOfOrder => "out-of-order",
        AuditWhat::CutOff => "cut-off",
        AuditWhat::Replaced => "replaced",
        AuditWhat::SegmentsMissing => "segments-missing",
        AuditWhat::FilesMissing => "files-missing",
        AuditWhat::WentBack => "went-back",
        AuditWhat::NoteAltered => "note-altered",
        AuditWhat::Torn => "torn",
        AuditWhat::NotClosed => "not-closed",
        AuditWhat::NotChecked => "not-checked",
    }
}
