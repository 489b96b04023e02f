//! What can be done to a trail, and that each of it is found, and where.

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
        Trail::open_with(&self.audit(), recipients, file_max_bytes).unwrap()
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

/// What one attack does to a file's lines, and what must be found at which line.
type Attack = (&'static str, fn(&mut Vec<String>), &'static [(AuditWhat, u64)]);

#[test]
fn every_change_to_the_lines_is_found_where_it_is() {
    // Line 1 begins the segment; 2 to 21 are operations; 22 closes; 23 begins the next.
    let attacks: [Attack; 12] = [
        ("a letter", |l| l[4] = l[4].replace("granted", "grantee"), &[(AuditWhat::Altered, 5)]),
        ("a MAC", |l| flip_mac(&mut l[4]), &[(AuditWhat::Altered, 5), (AuditWhat::Altered, 6)]),
        ("one out", |l| drop(l.remove(4)), &[(AuditWhat::Missing, 5)]),
        ("three out", |l| drop(l.drain(4..7)), &[(AuditWhat::Missing, 5)]),
        ("twice", |l| l.insert(5, l[4].clone()), &[(AuditWhat::Inserted, 6)]),
        ("replayed", |l| l.insert(15, l[4].clone()), &[(AuditWhat::Inserted, 16)]),
        ("garbage", |l| l.insert(4, "garbage".into()), &[(AuditWhat::Inserted, 5)]),
        ("swapped", |l| l.swap(4, 5), &[(AuditWhat::OutOfOrder, 6)]),
        ("far swapped", |l| l.swap(4, 9), &[(AuditWhat::OutOfOrder, 6)]),
        ("tail", |l| drop(l.drain(18..22)), &[(AuditWhat::CutOff, 18)]),
        ("opening", |l| drop(l.remove(0)), &[(AuditWhat::Inserted, 1)]),
        (
            "algorithm",
            |l| l[0] = l[0].replace("blake3-mac", "crc32-mac"),
            &[(AuditWhat::Altered, 1)],
        ),
    ];
    for (name, attack, expected) in attacks {
        let fixture = Fixture::new();
        let trail = fixture.open();
        write(&trail, 0..20);
        trail.close().unwrap();
        let trail = fixture.open();
        let mut lines = fixture.lines(1);
        assert_eq!(lines.len(), 23);
        attack(&mut lines);
        fixture.put_lines(1, &lines);
        let report = fixture.check(&trail);
        let found = tampering(&report);
        assert!(
            expected.iter().all(|expected| found.contains(expected)) && !found.is_empty(),
            "{name}: {found:?} instead of {expected:?}"
        );
        // Nothing before the place is blamed.
        let first = expected[0].1;
        assert!(found.iter().all(|(_, line)| *line >= first), "{name}: {found:?}");
    }
}

fn flip_mac(line: &mut String) {
    let at = line.len() - 3;
    let digit = if line.as_bytes()[at] == b'0' { "1" } else { "0" };
    line.replace_range(at..=at, digit);
}

#[test]
fn what_was_removed_is_named_by_its_numbers() {
    let fixture = Fixture::new();
    let trail = fixture.open();
    write(&trail, 0..20);
    let mut lines = fixture.lines(1);
    lines.drain(4..7);
    fixture.put_lines(1, &lines);
    let report = fixture.check(&trail);
    let found = &report.findings[0];
    assert_eq!((found.what, found.from, found.to), (AuditWhat::Missing, 5, 7));
}

#[test]
fn the_running_segments_tail_can_t_be_cut_off() {
    let fixture = Fixture::new();
    let trail = fixture.open();
    write(&trail, 0..20);
    let lines = fixture.lines(1);
    for left in [1, 2, 20] {
        fixture.put_lines(1, &lines[..left]);
        assert_eq!(tampering(&fixture.check(&trail)), [(AuditWhat::CutOff, left as u64)]);
    }
    fs::write(audit_file(&fixture.audit(), 1), "").unwrap();
    assert!(!tampering(&fixture.check(&trail)).is_empty());
    fs::remove_file(audit_file(&fixture.audit(), 1)).unwrap();
    assert!(!tampering(&fixture.check(&trail)).is_empty());
}

#[test]
fn a_file_replaced_by_an_older_copy_of_it_is_noticed_in_the_next_run() {
    let fixture = Fixture::new();
    let trail = fixture.open();
    write(&trail, 0..5);
    let older = fixture.lines(1);
    write(&trail, 5..20);
    trail.note_head([&fixture.note()]);
    trail.close().unwrap();
    fixture.put_lines(1, &older);

    // The next daemon can't know by itself; the vault's note does, at its unlocking.
    let trail = fixture.open();
    let noted = fixture.note().read().unwrap();
    assert!(!fixture.compare(&trail, &noted));
    let report = fixture.check(&trail);
    assert_eq!(tampering(&report), [(AuditWhat::WentBack, 8)]);
    let found = report.findings.iter().find(|found| found.what == AuditWhat::WentBack).unwrap();
    assert_eq!((found.from, found.to, found.profiles.as_str()), (1, 21, "home"));
}

#[test]
fn a_note_that_fits_says_nothing_and_an_altered_one_is_on_record() {
    let fixture = Fixture::new();
    let trail = fixture.open();
    write(&trail, 0..5);
    trail.note_head([&fixture.note()]);
    write(&trail, 5..9);
    assert!(fixture.compare(&trail, &fixture.note().read().unwrap()));
    assert!(fixture.compare(&trail, &Noted::Absent));
    assert_eq!(whats(&fixture.check(&trail)), []);
    assert!(!fixture.compare(&trail, &Noted::Altered));
    assert_eq!(tampering(&fixture.check(&trail)), [(AuditWhat::NoteAltered, 11)]);
}

#[test]
fn a_noted_line_is_sought_from_the_end_and_no_further_than_it_is() {
    let fixture = Fixture::new();
    let trail = fixture.open_with(10_000);
    write(&trail, 0..300);
    let noted_in = *audit_files(&fixture.audit()).unwrap().keys().next_back().unwrap();
    trail.note_head([&fixture.note()]);
    let noted = fixture.note().read().unwrap();
    write(&trail, 300..400);
    let files = audit_files(&fixture.audit()).unwrap();
    assert!(noted_in > 2 && files.len() as u64 > noted_in + 1);
    // Nothing before it is looked at: a link is not followed, and would be an error.
    for (_, path) in files.range(..noted_in) {
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink("nowhere", path).unwrap();
    }
    assert_eq!(noted.seek(&fixture.audit()).unwrap(), Sought::Same);
    let genuine = fixture.lines(noted_in);
    let Noted::At(head) = &noted else { panic!("{noted:?}") };
    let is_noted = |line: &&String| line.contains(&format!("{{\"n\":{},", head.line));
    let of_the_noted = genuine.iter().find(is_noted).unwrap();
    let other = of_the_noted.replace(&head.mac, &"0".repeat(64));
    let forged: Vec<_> = genuine.iter().map(|line| line.replace(of_the_noted, &other)).collect();
    fixture.put_lines(noted_in, &forged);
    assert_eq!(noted.seek(&fixture.audit()).unwrap(), Sought::Other);
    assert!(!fixture.compare(&trail, &noted));
    // Where it is nowhere, all there is was looked at.
    for (number, path) in &files {
        if *number <= noted_in {
            fs::remove_file(path).unwrap();
        }
    }
    let oldest = Some(noted_in + 1);
    assert_eq!(noted.seek(&fixture.audit()).unwrap(), Sought::Nowhere { oldest });
    assert!(!fixture.compare(&trail, &noted), "fewer files than go by rotation");
}

/// Everything can be recomputed but what hangs on a key: the attacker has the
/// vault's public key and makes a segment of their own in the place of a real one.
#[test]
fn a_chain_made_up_without_the_key_does_not_pass() {
    let fixture = Fixture::new();
    let trail = fixture.open();
    write(&trail, 0..20);
    trail.note_head([&fixture.note()]);
    trail.close().unwrap();
    drop(trail);
    let genuine = fixture.lines(1);

    // Their own chain, of the same length, sealed to the same vault.
    let forger = Fixture { folder: tempfile::tempdir().unwrap(), ..Fixture::new() };
    fs::create_dir(forger.audit()).unwrap();
    *forger.there.lock().unwrap() = vec![fixture.vaults[0].0.clone()];
    let forged_trail = forger.open();
    write(&forged_trail, 100..120);
    forged_trail.close().unwrap();
    let mut forged = forger.lines(1);

    fixture.put_lines(1, &forged);
    let next = fixture.open();
    assert!(!fixture.compare(&next, &fixture.note().read().unwrap()));
    assert_eq!(tampering(&fixture.check(&next))[0].0, AuditWhat::WentBack);
    drop(next);

    // With the noted line's MAC copied into it, the note is content, and the chain is not.
    let mac_of = |line: &str| line[line.len() - 66..line.len() - 2].to_owned();
    let noted = 20;
    forged[noted] = forged[noted].replace(&mac_of(&forged[noted]), &mac_of(&genuine[noted]));
    fixture.put_lines(1, &forged);
    let next = fixture.open();
    assert!(fixture.compare(&next, &fixture.note().read().unwrap()));
    assert!(tampering(&fixture.check(&next)).contains(&(AuditWhat::Altered, 21)));
}

#[test]
fn whole_segments_and_files_that_go_are_missed() {
    let fixture = Fixture::new();
    for _ in 0..3 {
        let trail = fixture.open_with(10_000);
        write(&trail, 0..50);
        trail.close().unwrap();
    }
    let trail = fixture.open_with(10_000);
    assert_eq!(tampering(&fixture.check(&trail)), []);
    let files = audit_files(&fixture.audit()).unwrap();
    assert!(files.len() > 3);

    let middle = fs::read(&files[&2]).unwrap();
    fs::remove_file(&files[&2]).unwrap();
    let found: Vec<_> =
        tampering(&fixture.check(&trail)).into_iter().map(|(what, _)| what).collect();
    assert_eq!(found, [AuditWhat::FilesMissing, AuditWhat::SegmentsMissing]);

    // Another file in its place, a copy of the first.
    fs::copy(&files[&1], &files[&2]).unwrap();
    assert!(!tampering(&fixture.check(&trail)).is_empty());
    fs::write(&files[&2], &middle).unwrap();
    assert_eq!(tampering(&fixture.check(&trail)), []);

    fs::remove_file(&files[&1]).unwrap();
    let found: Vec<_> =
        tampering(&fixture.check(&trail)).into_iter().map(|(what, _)| what).collect();
    assert!(found.contains(&AuditWhat::FilesMissing), "{found:?}");
}

#[test]
fn a_line_moved_over_the_boundary_of_a_rotation_is_found() {
    let fixture = Fixture::new();
    let trail = fixture.open_with(5_000);
    write(&trail, 0..60);
    assert_eq!(whats(&fixture.check(&trail)), []);
    let (mut first, mut second) = (fixture.lines(1), fixture.lines(2));
    // The closing line goes to the next file, in front of what begins there.
    second.insert(0, first.pop().unwrap());
    fixture.put_lines(1, &first);
    fixture.put_lines(2, &second);
    let found = tampering(&fixture.check(&trail));
    assert!(found.contains(&(AuditWhat::Inserted, 1)), "{found:?}");
    assert!(found.contains(&(AuditWhat::CutOff, first.len() as u64)), "{found:?}");
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
    let trail = Trail::open_with(&fixture.audit(), Vec::new, FILE_MAX_BYTES);
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
fn ten_thousand_denials_make_a_bounded_number_of_lines_that_add_up() {
    let fixture = Fixture::new();
    let trail = fixture.open();
    let denied =
        SecretOperationAudit { outcome: "denied", reasons: vec!["rate-limited"], ..event("k") };
    // Ten thousand in five seconds.
    for n in 0..10_000_u64 {
        let now = Duration::from_micros(500 * n);
        trail.append(&denied, now).unwrap();
        trail.tick(now).unwrap();
    }
    // Before anything else of this requester, what is owed is on record.
    trail.append(&event("after"), Duration::from_secs(5)).unwrap();
    let lines = fixture.lines(1);
    assert!(lines.len() <= 1 + OWN_LINES_MAX as usize + 6 + 1, "{}", lines.len());
    let count = |line: &String| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let is_denied = value["outcome"] == "denied";
        value["count"].as_u64().unwrap_or(u64::from(is_denied))
    };
    assert_eq!(lines.iter().map(count).sum::<u64>(), 10_000);
    assert!(lines.last().unwrap().contains("after"));
    assert_eq!(whats(&fixture.check(&trail)), []);

    // After a quiet second they have lines of their own again.
    let later = Duration::from_secs(5) + 3 * WINDOW;
    trail.tick(later).unwrap();
    trail.append(&denied, later).unwrap();
    assert!(!fixture.lines(1).last().unwrap().contains("count"));
}

#[test]
fn a_flood_does_not_keep_anothers_line_waiting_nor_hold_its_own_back() {
    let fixture = Fixture::new();
    let trail = fixture.open();
    let denied = SecretOperationAudit { outcome: "denied", requester: "ci", ..event("k") };
    for _ in 0..100 {
        trail.append(&denied, Duration::ZERO).unwrap();
    }
    write(&trail, 0..1);
    assert!(fixture.lines(1).last().unwrap().contains("key/0"));
    trail.close().unwrap();
    let lines = fixture.lines(1);
    assert!(lines[lines.len() - 2].contains("\"count\":80"), "{lines:?}");
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

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(48))]
    #[test]
    fn any_single_byte_changed_is_found(at in 0usize..4_000, to: u8) {
        let fixture = Fixture::new();
        let trail = fixture.open();
        write(&trail, 0..15);
        let path = audit_file(&fixture.audit(), 1);
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        if bytes[at] != to {
            bytes[at] = to;
            fs::write(&path, &bytes).unwrap();
            proptest::prop_assert!(!tampering(&fixture.check(&trail)).is_empty());
        }
    }

    #[test]
    fn no_bytes_make_checking_panic(bytes: Vec<u8>) {
        let fixture = Fixture::new();
        let trail = fixture.open();
        write(&trail, 0..2);
        let path = audit_file(&fixture.audit(), 1);
        let honest = fs::read(&path).unwrap();
        fs::write(&path, [bytes.as_slice(), &honest].concat()).unwrap();
        let _ = fixture.check(&trail);
    }
}

#[test]
fn numbers_that_nobody_counts_to_cost_nothing() {
    let fixture = Fixture::new();
    let trail = fixture.open();
    write(&trail, 0..2);
    let body = line::body(u64::MAX, Kind::Operation, 0, &event("k")).unwrap();
    let mut lines = fixture.lines(1);
    lines.insert(2, line::whole(&body, &[0; 32]).trim_end().to_owned());
    fixture.put_lines(1, &lines);
    assert!(tampering(&fixture.check(&trail)).contains(&(AuditWhat::Inserted, 3)));
}
