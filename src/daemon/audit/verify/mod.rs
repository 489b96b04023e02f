//! Holding the trail against what it must be: pure, over the bytes of its files.

mod segment;

use std::io::{self, Read};

use super::{
    line::{self, Head, Kind, Piece},
    trail::{Snapshot, Trail},
    writer::FILE_READ_MAX_BYTES,
};
use crate::{secret::SecureBytes, store::VaultId, wire::message::AuditWhat};

/// Findings of tampering, and others, told one by one; of more only the number.
const FINDINGS_MAX: usize = 1_000;

/// An unlocked vault that can open what was sealed to it.
#[derive(Debug)]
pub(in crate::daemon) struct Opener {
    pub(in crate::daemon) vault: VaultId,
    pub(in crate::daemon) private: SecureBytes,
}

/// What was found, in the order of the trail.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::daemon) struct Report {
    pub(in crate::daemon) files: u64,
    pub(in crate::daemon) segments: u64,
    pub(in crate::daemon) lines: u64,
    pub(in crate::daemon) findings: Vec<Finding>,
    /// Of tampering, beyond those.
    pub(in crate::daemon) more: u64,
    /// Of anything else, beyond those.
    pub(in crate::daemon) more_notes: u64,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Finding {
    pub(in crate::daemon) what: AuditWhat,
    pub(in crate::daemon) place: Place,
    pub(in crate::daemon) from: u64,
    pub(in crate::daemon) to: u64,
    pub(in crate::daemon) profiles: String,
}

/// Where it was found: a file, a line of it, and the segment there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::daemon) struct Place {
    pub(in crate::daemon) file: u64,
    pub(in crate::daemon) line: u64,
    pub(in crate::daemon) segment: u64,
}

impl Report {
    fn add(&mut self, what: AuditWhat, place: Place) {
        self.add_range(what, place, 0, 0);
    }

    fn add_range(&mut self, what: AuditWhat, place: Place, from: u64, to: u64) {
        self.push(Finding { what, place, from, to, profiles: String::new() });
    }

    fn push(&mut self, finding: Finding) {
        // Each sort has a share of its own: many notes may not hide what they stand beside.
        let is_tampering = finding.what.is_tampering();
        let same = |found: &&Finding| found.what.is_tampering() == is_tampering;
        if self.findings.iter().filter(same).count() < FINDINGS_MAX {
            self.findings.push(finding);
        } else if is_tampering {
            self.more += 1;
        } else {
            self.more_notes += 1;
        }
    }
}

/// Checks the whole trail as it is now. Blocks.
///
/// # Errors
/// If a file can't be read.
pub(in crate::daemon) fn verify(trail: &Trail, openers: &[Opener]) -> io::Result<Report> {
    let Snapshot { files, written_to, written_bytes, has_more, head } = trail.snapshot()?;
    let mut read = Vec::new();
    for (number, file) in files {
        let most = if number == written_to { written_bytes } else { FILE_READ_MAX_BYTES };
        let mut bytes = Vec::new();
        file.take(most.min(FILE_READ_MAX_BYTES)).read_to_end(&mut bytes)?;
        read.push((number, bytes));
    }
    let mut report = check(&read, head.as_ref(), openers);
    let written = read.iter().find(|(number, _)| *number == written_to);
    if has_more && let Some((file, bytes)) = written {
        // Behind what the daemon has written last stands something that it did not write.
        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let segment = head.as_ref().map_or(0, |head| head.segment);
        report.add(AuditWhat::Inserted, Place { file: *file, line: lines + 1, segment });
    }
    Ok(report)
}

/// Checks files, oldest first, that are to end with `head`.
fn check(files: &[(u64, Vec<u8>)], head: Option<&Head>, openers: &[Opener]) -> Report {
    let mut walk = Walk { report: Report::default(), openers, before: None, oldest: None };
    let files: Vec<_> = files.iter().map(|(n, bytes)| (*n, line::pieces(bytes), bytes)).collect();
    // What rotation could not remove, a file before the oldest that counts, is not looked at.
    let last_openings = files.iter().flat_map(|(_, pieces, _)| openings(pieces));
    let oldest = last_openings.last().map_or(0, |(_, opening)| opening.said.oldest);
    walk.files(&files.iter().map(|(number, ..)| *number).collect::<Vec<_>>(), oldest);
    for (number, pieces, bytes) in files.iter().filter(|(number, ..)| *number >= oldest) {
        walk.report.files += 1;
        walk.file(*number, pieces, bytes);
    }
    walk.end(head);
    walk.report
}

fn openings<'p, 't>(pieces: &'p [Piece<'t>]) -> impl Iterator<Item = (usize, &'p line::Line<'t>)> {
    pieces.iter().enumerate().filter_map(|(n, piece)| {
        let line = piece.line.as_ref()?;
        (line.said.kind == Kind::Segment).then_some((n, line))
    })
}

/// How far the check has come.
#[derive(Debug)]
struct Walk<'a> {
    report: Report,
    openers: &'a [Opener],
    /// The segment before, as it ends.
    before: Option<Ended>,
    oldest: Option<u64>,
}

/// How a segment ends.
#[derive(Debug)]
struct Ended {
    /// Where it begins, and where it ends.
    opening: Place,
    place: Place,
    /// Its last line.
    head: Head,
    /// BLAKE3 of its lines.
    digest: String,
    is_closed: bool,
    /// Whether one of its keys could be had.
    is_opened: bool,
    /// Whether nothing in it was found altered.
    is_sound: bool,
}

impl Walk<'_> {
    /// Files are numbered without a gap.
    fn files(&mut self, numbers: &[u64], oldest: u64) {
        let mut expected = oldest;
        for number in numbers.iter().copied().filter(|number| *number >= oldest) {
            if number > expected {
                let place = Place { file: number, ..Place::default() };
                self.report.add_range(AuditWhat::FilesMissing, place, expected, number - 1);
            }
            expected = number.saturating_add(1);
        }
        self.oldest = Some(oldest);
    }

    fn file(&mut self, file: u64, pieces: &[Piece<'_>], bytes: &[u8]) {
        self.torn(file, pieces, bytes);
        let starts: Vec<usize> = openings(pieces).map(|(at, _)| at).collect();
        let first = starts.first().copied().unwrap_or(pieces.len());
        // Every file begins with a segment.
        for piece in pieces[..first].iter().filter(|piece| piece.line.is_some()) {
            let place = Place { file, line: piece.number, segment: 0 };
            self.report.add(AuditWhat::Inserted, place);
        }
        for (n, start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(pieces.len());
            self.segment(file, &pieces[*start..end], bytes);
        }
    }

    /// What is no line is excused by the next line, if that says that so many bytes
    /// were cut off.
    fn torn(&mut self, file: u64, pieces: &[Piece<'_>], bytes: &[u8]) {
        let (mut good_end, mut was_closed) = (0, false);
        let mut bad: Vec<&Piece<'_>> = Vec::new();
        for piece in pieces {
            let Some(line) = &piece.line else {
                bad.push(piece);
                continue;
            };
            let between = (piece.start - good_end) as u64;
            // Behind a closing line no write of the daemon's can have been cut off, and what is
            // left of one has no newline: more is what somebody has put there, or made of lines.
            let is_one_write = line.said.torn > 0 && bad.len() == 1 && !was_closed;
            let excused = is_one_write && line.said.torn.checked_add(1) == Some(between);
            self.strays(file, &mut bad, excused);
            was_closed = line.said.kind == Kind::Close;
            good_end = piece.end + 1;
        }
        debug_assert!(good_end <= bytes.len());
        self.strays(file, &mut bad, false);
    }

    fn strays(&mut self, file: u64, bad: &mut Vec<&Piece<'_>>, excused: bool) {
        let what = if excused { AuditWhat::Torn } else { AuditWhat::Inserted };
        for piece in bad.drain(..) {
            self.report.add(what, Place { file, line: piece.number, segment: 0 });
        }
    }

    fn segment(&mut self, file: u64, pieces: &[Piece<'_>], bytes: &[u8]) {
        self.report.segments += 1;
        let lines: Vec<_> = pieces.iter().filter(|piece| piece.line.is_some()).collect();
        self.report.lines += lines.len() as u64;
        let Some(opening) = lines.first().and_then(|piece| Some((piece, piece.line.as_ref()?)))
        else {
            return;
        };
        let place = Place { file, line: opening.0.number, segment: opening.1.said.segment };
        self.link(place, opening.1);
        let ended = segment::check(&mut self.report, self.openers, place, &lines, bytes);
        self.before = ended;
    }

    /// Holds the segment before against what this one says of it.
    fn link(&mut self, place: Place, opening: &line::Line<'_>) {
        let Some(before) = self.before.take() else {
            return self.link_first(place, opening);
        };
        self.not_closed(&before);
        let said = opening.said.previous.as_ref();
        match said {
            Some(said) if *said == before.head => {
                // Else it was told already, and where.
                if before.is_sound && opening.said.before.as_ref() != Some(&before.digest) {
                    self.report.add(AuditWhat::Replaced, before.place);
                }
            }
            Some(said) if said.segment > before.head.segment => {
                let (from, to) = (before.head.segment + 1, said.segment);
                self.report.add_range(AuditWhat::SegmentsMissing, place, from, to);
            }
            Some(said) if said.segment == before.head.segment && said.line > before.head.line => {
                let (from, to) = (before.head.line + 1, said.line);
                self.report.add_range(AuditWhat::CutOff, before.place, from, to);
            }
            Some(said) if said.segment < before.head.segment => {
                self.report.add(AuditWhat::OutOfOrder, place);
            }
            _ => self.report.add(AuditWhat::Replaced, before.place),
        }
    }

    /// The first segment there is follows nothing, or what went by rotation.
    fn link_first(&mut self, place: Place, opening: &line::Line<'_>) {
        let is_oldest = self.oldest.is_some_and(|oldest| oldest == place.file && oldest > 1);
        if let Some(previous) = opening.said.previous.as_ref().filter(|_| !is_oldest) {
            let what = AuditWhat::SegmentsMissing;
            self.report.add_range(what, place, 1, previous.segment);
        }
    }

    fn not_closed(&mut self, ended: &Ended) {
        if !ended.is_closed {
            self.report.add(AuditWhat::NotClosed, ended.place);
        }
    }

    /// The trail must end with the line that the daemon has written last.
    fn end(&mut self, head: Option<&Head>) {
        let Some(head) = head else { return };
        let before = self.before.take();
        // Every vault was given a key of the running segment when it was unlocked.
        if let Some(before) = before.as_ref().filter(|before| !before.is_opened)
            && !self.openers.is_empty()
        {
            self.report.add(AuditWhat::Altered, before.opening);
        }
        match before {
            Some(before) if before.head == *head => {}
            Some(before) if before.head.segment == head.segment && before.head.line < head.line => {
                let from = before.head.line + 1;
                self.report.add_range(AuditWhat::CutOff, before.place, from, head.line);
            }
            Some(before) if before.head.segment < head.segment => {
                self.not_closed(&before);
                let from = before.head.segment + 1;
                self.report.add_range(AuditWhat::SegmentsMissing, before.place, from, head.segment);
            }
            Some(before) => self.report.add(AuditWhat::Replaced, before.place),
            None => {
                let what = AuditWhat::SegmentsMissing;
                self.report.add_range(what, Place::default(), 1, head.segment);
            }
        }
    }
}
