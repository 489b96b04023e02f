//! Holding one segment against its key.

use std::collections::BTreeMap;

use super::{Ended, Finding, Opener, Place, Report};
use crate::{
    daemon::audit::{
        chain::Link,
        envelope,
        line::{ALGORITHM, FORMAT, Head, Kind, Line, Piece, SealedKey},
    },
    hex,
    wire::message::AuditWhat,
};

/// More lines than a file has room for: a number beyond is nobody's but whoever invented it.
const NUMBER_MAX: u64 = 104_857;

/// One line and where it is.
type At<'p, 't> = (&'p Piece<'t>, &'p Line<'t>);

/// Checks a segment's lines, in their order in the file. Says how it ends.
pub(super) fn check(
    report: &mut Report,
    openers: &[Opener],
    place: Place,
    pieces: &[&Piece<'_>],
    bytes: &[u8],
) -> Option<Ended> {
    let lines: Vec<At<'_, '_>> =
        pieces.iter().filter_map(|piece| Some((*piece, piece.line.as_ref()?))).collect();
    let (_, opening) = lines.first()?;
    let said = &opening.said;
    if said.format != FORMAT || said.algorithm != ALGORITHM || said.file != place.file {
        report.add(AuditWhat::Altered, place);
    }
    if said.n != 1 {
        report.add(AuditWhat::OutOfOrder, place);
    }
    let found_before = report.findings.len();
    let mut check = Check { report, place, lines: &lines, bytes };
    check.order();
    check.sealed_keys(openers);
    let start = start(openers, place, &lines);
    let is_opened = start.is_some();
    match start {
        Some((at, link)) => check.from(at, link),
        None => check.unopened(),
    }
    let ended = check.ended();
    let is_sound = !report.findings[found_before..].iter().any(|found| found.what.is_tampering());
    ended.map(|ended| Ended { is_opened, is_sound, ..ended })
}

/// The first line whose key can be had, and that key.
fn start(openers: &[Opener], place: Place, lines: &[At<'_, '_>]) -> Option<(usize, Link)> {
    lines.iter().enumerate().find_map(|(at, (_, line))| {
        let place = envelope::Place { segment: place.segment, n: line.said.n };
        let key = line.said.keys.iter().find_map(|key| open(openers, key, place))?;
        let before = if at == 0 { [0; 32] } else { lines[at - 1].1.mac };
        Some((at, Link::at(line.said.n, before, key)))
    })
}

fn open(
    openers: &[Opener],
    key: &SealedKey,
    place: envelope::Place,
) -> Option<crate::secret::SecureBytes> {
    let opener = openers.iter().find(|opener| opener.vault.to_string() == key.vault)?;
    envelope::open(&key.sealed, opener.vault, &opener.private, place).ok()
}

struct Check<'c, 't> {
    report: &'c mut Report,
    place: Place,
    lines: &'c [At<'c, 't>],
    bytes: &'c [u8],
}

impl Check<'_, '_> {
    fn place_of(&self, at: usize) -> Place {
        Place { line: self.lines[at].0.number, ..self.place }
    }

    /// What is sealed to a vault that is here must open.
    fn sealed_keys(&mut self, openers: &[Opener]) {
        for at in 0..self.lines.len() {
            let said = &self.lines[at].1.said;
            let place = envelope::Place { segment: self.place.segment, n: said.n };
            let is_ours = |key: &&SealedKey| {
                openers.iter().any(|opener| opener.vault.to_string() == key.vault)
            };
            let mut ours = said.keys.iter().filter(is_ours);
            if ours.any(|key| open(openers, key, place).is_none()) {
                self.report.add(AuditWhat::Altered, self.place_of(at));
            }
        }
    }

    /// Numbers rise from line to line. What is told here is not told as missing.
    fn order(&mut self) {
        let mut highest = 0;
        let mut counted = BTreeMap::new();
        for (_, line) in self.lines {
            *counted.entry(line.said.n).or_insert(0_u32) += 1;
        }
        for at in 0..self.lines.len() {
            let n = self.lines[at].1.said.n;
            if n < highest && counted.get(&n) == Some(&1) {
                self.report.add(AuditWhat::OutOfOrder, self.place_of(at));
            }
            if n <= NUMBER_MAX {
                highest = highest.max(n);
            }
        }
    }

    /// The lines by their number, and in the order of the file where it is the same.
    fn by_number(&mut self, first: u64) -> BTreeMap<u64, Vec<usize>> {
        let mut numbered: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for at in 0..self.lines.len() {
            match self.lines[at].1.said.n {
                n if n > NUMBER_MAX => self.report.add(AuditWhat::Inserted, self.place_of(at)),
                n if n >= first => numbered.entry(n).or_default().push(at),
                _ => {}
            }
        }
        numbered
    }

    /// Follows the chain from the line at `start`, whose key is known.
    fn from(&mut self, start: usize, mut link: Link) {
        if start > 0 {
            self.before(start);
        }
        for (n, candidates) in self.by_number(link.n) {
            let is_behind_gap = n > link.n;
            if is_behind_gap {
                let place = self.place_of(candidates[0]);
                self.report.add_range(AuditWhat::Missing, place, link.n, n - 1);
                while link.n < n {
                    let Ok(next) = link.after(link.before) else { return };
                    link = next;
                }
            }
            let genuine = candidates.iter().copied().find(|at| self.is_genuine(*at, &link));
            let chosen = genuine.unwrap_or(candidates[0]);
            for at in candidates.into_iter().filter(|at| *at != chosen) {
                self.report.add(AuditWhat::Inserted, self.place_of(at));
            }
            // Behind a gap the MAC before is not known: the line is told with the gap,
            // and the next one shows whether it was this one that came before.
            if genuine.is_none() && !is_behind_gap {
                self.report.add(AuditWhat::Altered, self.place_of(chosen));
            }
            if genuine.is_some() {
                self.content(chosen);
            }
            let Ok(next) = link.after(self.lines[chosen].1.mac) else { return };
            link = next;
        }
    }

    fn is_genuine(&self, at: usize, link: &Link) -> bool {
        let line = self.lines[at].1;
        // Compared in constant time.
        link.mac(line.body).is_ok_and(|right| right == blake3::Hash::from_bytes(line.mac))
    }

    /// The line that gives a later vault its key vouches for all lines before it.
    fn before(&mut self, at: usize) {
        let digest = self.digest(at);
        if self.lines[at].1.said.before != Some(digest) {
            // Which of them can't be told: none of their keys can be had.
            let to = self.lines[at].1.said.n.saturating_sub(1);
            let what = AuditWhat::Altered;
            self.report.add_range(what, self.place, 1, to);
        }
    }

    /// BLAKE3 of the first lines.
    fn digest(&self, count: usize) -> String {
        let mut hasher = blake3::Hasher::new();
        for (piece, _) in &self.lines[..count] {
            hasher.update(&self.bytes[piece.start..piece.end]).update(b"\n");
        }
        hasher.finalize().to_string()
    }

    /// What a genuine line says that has to be told, or must be so.
    fn content(&mut self, at: usize) {
        let said = &self.lines[at].1.said;
        match said.kind {
            Kind::Lost => {
                let what = match said.noted {
                    Some(_) => AuditWhat::WentBack,
                    None => AuditWhat::NoteAltered,
                };
                let noted = said.noted.as_ref();
                self.report.push(Finding {
                    what,
                    place: self.place_of(at),
                    from: noted.map_or(0, |head| head.segment),
                    to: noted.map_or(0, |head| head.line),
                    profiles: said.profile.clone(),
                });
            }
            Kind::Close if said.count.checked_add(1) != Some(said.n) => {
                self.report.add(AuditWhat::Altered, self.place_of(at));
            }
            Kind::Close if at + 1 < self.lines.len() => {
                self.report.add(AuditWhat::Inserted, self.place_of(at + 1));
            }
            _ => {}
        }
    }

    /// Nobody here can open it: what can be seen without a key is all there is.
    fn unopened(&mut self) {
        let mut expected = 1;
        for (n, candidates) in self.by_number(1) {
            if n > expected {
                let place = self.place_of(candidates[0]);
                self.report.add_range(AuditWhat::Missing, place, expected, n - 1);
            }
            for at in candidates.into_iter().skip(1) {
                self.report.add(AuditWhat::Inserted, self.place_of(at));
            }
            expected = n + 1;
        }
        let keys = self.lines.iter().flat_map(|(_, line)| &line.said.keys);
        let mut profiles: Vec<&str> = keys.map(|key| key.profile.as_str()).collect();
        profiles.sort_unstable();
        profiles.dedup();
        let finding = Finding {
            what: AuditWhat::NotChecked,
            place: self.place,
            from: 0,
            to: 0,
            profiles: profiles.join(","),
        };
        self.report.push(finding);
    }

    /// How the segment ends: with the line of the highest number that can be one.
    fn ended(&self) -> Option<Ended> {
        let numbers = self.lines.iter().map(|(_, line)| line.said.n);
        let highest = numbers.filter(|n| *n <= NUMBER_MAX).max()?;
        let at = self.lines.iter().rposition(|(_, line)| line.said.n == highest)?;
        let line = self.lines[at].1;
        Some(Ended {
            opening: self.place,
            place: self.place_of(at),
            head: Head {
                segment: self.place.segment,
                line: line.said.n,
                mac: hex::encode(&line.mac),
            },
            digest: self.digest(self.lines.len()),
            is_closed: line.said.kind == Kind::Close,
            is_opened: false,
            is_sound: false,
        })
    }
}
