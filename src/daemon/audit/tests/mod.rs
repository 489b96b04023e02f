//! A trail as it is written, opened again and checked.

mod attacks;
mod floods;
mod notes;
mod unended;

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::TempDir;

use super::{
    flood::{OWN_LINES_MAX, WINDOW},
    line::{self, Kind},
    writer::{FILE_MAX_BYTES, FILES_KEPT},
    *,
};
use crate::{
    home::{audit_file, audit_files},
    store::VaultId,
    wire::{identity::KeyPair, message::AuditWhat},
};

/// A folder with a trail in it, and the vaults that vouch for it.
struct Fixture {
    folder: TempDir,
    vaults: Vec<(Recipient, KeyPair)>,
    /// Those that are there when a segment begins.
    there: Arc<Mutex<Vec<Recipient>>>,
}

impl Fixture {
    fn new() -> Self {
        let vault = |(n, profile): (u8, &str)| {
            let pair = KeyPair::generate().unwrap();
            let (vault, public) = (VaultId([n; 16]), *pair.public());
            (Recipient { profile: profile.to_owned(), vault, public }, pair)
        };
        let vaults: Vec<_> = [(1, "home"), (2, "work")].into_iter().map(vault).collect();
        let there = Arc::new(Mutex::new(vec![vaults[0].0.clone()]));
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("audit")).unwrap();
        Self { folder, vaults, there }
    }

    fn audit(&self) -> PathBuf {
        self.folder.path().join("audit")
    }

    fn open(&self) -> Trail {
        self.open_with(FILE_MAX_BYTES)
    }

    fn open_with(&self, file_max_bytes: u64) -> Trail {
        let there = Arc::clone(&self.there);
        let recipients = move || there.lock().unwrap().clone();
        Trail::open_with(&self.audit(), recipients, Processes::default(), file_max_bytes).unwrap()
    }

    fn opener(&self, n: usize) -> Opener {
        let (to, pair) = &self.vaults[n];
        Opener { vault: to.vault, private: pair.private().try_clone().unwrap() }
    }

    fn note(&self) -> HeadNote {
        let (to, pair) = &self.vaults[0];
        HeadNote::new(self.folder.path().join("heads"), to.vault, pair.private()).unwrap()
    }

    /// Whether the trail is the one that was noted, as an unlocking of `home` sees it.
    fn compare(&self, trail: &Trail, noted: &Noted) -> bool {
        trail.judge("home", noted, noted.seek(&self.audit()).unwrap()).unwrap()
    }

    /// What checking with the first vault finds.
    fn check(&self, trail: &Trail) -> Report {
        verify(trail, &[self.opener(0)]).unwrap()
    }

    fn lines(&self, file: u64) -> Vec<String> {
        let text = fs::read_to_string(audit_file(&self.audit(), file)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn put_lines(&self, file: u64, lines: &[String]) {
        let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        fs::write(audit_file(&self.audit(), file), text).unwrap();
    }
}

fn event(key: &str) -> SecretOperationAudit<'_> {
    SecretOperationAudit {
        time: "2026-01-31T12:00:00Z".to_owned(),
        requester: "launcher",
        pid: 7,
        operation: "get",
        profiles: vec!["home"],
        keys: vec![key],
        outcome: "granted",
        ..SecretOperationAudit::default()
    }
}

fn write(trail: &Trail, lines: std::ops::Range<u32>) {
    for n in lines {
        trail.append(&event(&format!("key/{n}")), Duration::ZERO).unwrap();
    }
}

fn whats(report: &Report) -> Vec<(AuditWhat, u64)> {
    report.findings.iter().map(|found| (found.what, found.place.line)).collect()
}

fn tampering(report: &Report) -> Vec<(AuditWhat, u64)> {
    whats(report).into_iter().filter(|(what, _)| what.is_tampering()).collect()
}

#[test]
fn an_honest_trail_of_three_runs_has_no_findings() {
    let fixture = Fixture::new();
    for _ in 0..3 {
        let trail = fixture.open();
        write(&trail, 0..20);
        assert_eq!(whats(&fixture.check(&trail)), []);
        trail.close().unwrap();
    }
    let trail = fixture.open();
    let report = fixture.check(&trail);
    assert_eq!((report.files, report.segments, report.lines), (1, 4, 3 * 22 + 1));
    assert_eq!(whats(&report), []);
}

#[test]
fn a_trail_whose_daemon_was_killed_is_honest_and_said_to_be_unvouched_after_its_last_line() {
    let fixture = Fixture::new();
    write(&fixture.open(), 0..5);
    let trail = fixture.open();
    assert_eq!(whats(&fixture.check(&trail)), [(AuditWhat::NotClosed, 6)]);
}

#[test]
fn rotation_keeps_so_many_files_and_the_rest_still_verifies() {
    let fixture = Fixture::new();
    let trail = fixture.open_with(2_000);
    write(&trail, 0..400);
    let files = audit_files(&fixture.audit()).unwrap();
    assert!(files.len() as u64 <= FILES_KEPT, "{}", files.len());
    assert!(*files.keys().next().unwrap() > 1);
    assert_eq!(whats(&fixture.check(&trail)), []);
    trail.close().unwrap();
    let trail = fixture.open_with(2_000);
    assert_eq!(whats(&fixture.check(&trail)), []);
}

#[test]
fn a_vault_that_comes_later_vouches_for_what_was_before_it_too() {
    let fixture = Fixture::new();
    fixture.there.lock().unwrap().clear();
    let trail = fixture.open();
    write(&trail, 0..3);
    trail.admit(&fixture.vaults[0].0).unwrap();
    trail.admit(&fixture.vaults[0].0).unwrap();
    write(&trail, 3..6);
    let report = fixture.check(&trail);
    assert_eq!((whats(&report), report.lines), (vec![], 8));

    let mut lines = fixture.lines(1);
    lines[1] = lines[1].replace("key/0", "key/9");
    fixture.put_lines(1, &lines);
    assert_eq!(tampering(&fixture.check(&trail)), [(AuditWhat::Altered, 1)]);
}

#[test]
fn a_segment_that_no_unlocked_vault_opens_is_said_to_be_unchecked_and_can_t_be_altered_unseen() {
    let fixture = Fixture::new();
    let trail = fixture.open();
    write(&trail, 0..5);
    trail.close().unwrap();
    fixture.there.lock().unwrap().push(fixture.vaults[1].0.clone());
    let trail = fixture.open();
    let by_second = || verify(&trail, &[fixture.opener(1)]).unwrap();
    let report = by_second();
    assert_eq!(whats(&report), [(AuditWhat::NotChecked, 1)]);
    assert_eq!(report.findings[0].profiles, "home");

    // The next segment, which this vault does open, vouches for the one before as a whole.
    let mut lines = fixture.lines(1);
    lines[2] = lines[2].replace("granted", "grantee");
    fixture.put_lines(1, &lines);
    assert_eq!(tampering(&by_second()), [(AuditWhat::Replaced, 7)]);
}

#[test]
fn a_torn_line_is_told_as_such_and_the_chain_goes_on() {
    let fixture = Fixture::new();
    write(&fixture.open(), 0..5);
    let path = audit_file(&fixture.audit(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"{\"n\":7,\"kind\":\"oper");
    fs::write(&path, &bytes).unwrap();
    let trail = fixture.open();
    write(&trail, 0..2);
    let report = fixture.check(&trail);
    assert_eq!(whats(&report), [(AuditWhat::Torn, 7), (AuditWhat::NotClosed, 6)]);
    // Longer than what was torn is more than was torn.
    let mut lines = fixture.lines(1);
    lines[6].push('x');
    fixture.put_lines(1, &lines);
    assert!(tampering(&fixture.check(&trail)).contains(&(AuditWhat::Inserted, 7)));
}

#[test]
fn what_can_t_be_written_is_refused_and_with_room_again_it_goes_on() {
    let fixture = Fixture::new();
    // A folder in the place of the file is as good as a full disk here.
    let path = audit_file(&fixture.audit(), 1);
    fs::create_dir(&path).unwrap();
    let trail = Trail::open_with(&fixture.audit(), Vec::new, Processes::default(), FILE_MAX_BYTES);
    assert!(trail.is_err());
    fs::remove_dir(&path).unwrap();

    let trail = fixture.open_with(200);
    write(&trail, 0..1);
    fs::create_dir(audit_file(&fixture.audit(), 2)).unwrap();
    assert!(trail.append(&event("key/a"), Duration::ZERO).is_err());
    fs::remove_dir(audit_file(&fixture.audit(), 2)).unwrap();
    write(&trail, 2..4);
    assert_eq!(whats(&fixture.check(&trail)), []);
}

#[test]
fn a_sync_waits_for_the_one_that_has_its_line() {
    let fixture = Fixture::new();
    let trail = fixture.open();
    assert!(trail.sync().unwrap());
    assert!(!trail.sync().unwrap());
    write(&trail, 0..1);
    assert!(trail.sync().unwrap());
}

#[test]
fn the_key_of_a_line_is_nowhere_in_the_file_and_does_not_lead_back() {
    let first = chain::Link::first().unwrap();
    let key = first.key().try_clone().unwrap();
    let second = first.after([1; 32]).unwrap();
    assert!(!second.key().ct_eq(key.expose()));
    // The same from the same, so that whoever opens the first key can follow.
    let again = chain::Link::at(1, [0; 32], key).after([1; 32]).unwrap();
    assert!(second.key().ct_eq(again.key().expose()));
    assert_eq!(first.mac(b"a").unwrap(), first.mac(b"a").unwrap());
    assert_ne!(first.mac(b"a").unwrap(), second.mac(b"a").unwrap());
}

#[test]
fn files_are_the_users_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    write(&fixture.open(), 0..1);
    let mode = fs::metadata(audit_file(&fixture.audit(), 1)).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}
