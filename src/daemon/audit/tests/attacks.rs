//! What can be done to the files of a trail, and that each of it is found, and where.

use std::path::PathBuf;

use super::*;

/// What one attack does to a file's lines, and what must be found at which line.
type Attack = (&'static str, fn(&mut Vec<String>), &'static [(AuditWhat, u64)]);

#[test]
fn every_change_to_the_lines_is_found_where_it_is() {
    // Line 1 begins the segment; 2 to 21 are operations; 22 closes; 23 begins the next.
    let attacks: [Attack; 13] = [
        ("a letter", |l| l[4] = l[4].replace("granted", "grantee"), &[(AuditWhat::Altered, 5)]),
        ("a MAC", |l| flip_mac(&mut l[4]), &[(AuditWhat::Altered, 5), (AuditWhat::Altered, 6)]),
        ("one out", |l| drop(l.remove(4)), &[(AuditWhat::Missing, 5)]),
        ("three out", |l| drop(l.drain(4..7)), &[(AuditWhat::Missing, 5)]),
        ("twice", |l| l.insert(5, l[4].clone()), &[(AuditWhat::Inserted, 6)]),
        ("replayed", |l| l.insert(15, l[4].clone()), &[(AuditWhat::Inserted, 16)]),
        ("garbage", |l| l.insert(4, "garbage".into()), &[(AuditWhat::Inserted, 5)]),
        ("an empty one", |l| l.insert(4, String::new()), &[(AuditWhat::Inserted, 5)]),
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

#[test]
fn the_oldest_files_do_not_go_before_their_time() {
    let fixture = Fixture::new();
    let trail = fixture.open_with(2_000);
    write(&trail, 0..400);
    trail.close().unwrap();
    let files = audit_files(&fixture.audit()).unwrap();
    assert_eq!(files.len() as u64, FILES_KEPT);
    for path in files.values().take(3) {
        fs::remove_file(path).unwrap();
    }
    // The next daemon does not take what is there for what there was.
    let trail = fixture.open_with(2_000);
    write(&trail, 400..401);
    let report = fixture.check(&trail);
    let missing = report.findings.iter().find(|found| found.what == AuditWhat::FilesMissing);
    let first = *files.keys().next().unwrap();
    let missing = missing.map(|found| (found.from, found.to));
    assert!(missing.is_some_and(|(from, to)| from >= first && to == first + 2), "{report:?}");
}

#[test]
fn lines_are_not_made_a_write_that_was_cut_off() {
    let fixture = Fixture::new();
    let trail = fixture.open();
    write(&trail, 0..5);
    trail.close().unwrap();
    drop(trail);
    let path = audit_file(&fixture.audit(), 1);
    let disguised = fs::read_to_string(&path).unwrap().replace('\n', "\r\n");
    fs::write(&path, disguised).unwrap();
    let trail = fixture.open();
    write(&trail, 0..2);
    let found = tampering(&fixture.check(&trail));
    assert!(found.contains(&(AuditWhat::Inserted, 1)), "{found:?}");
}

#[test]
fn a_file_that_is_none_of_the_trails_does_not_move_it_on() {
    let fixture = Fixture::new();
    let trail = fixture.open();
    write(&trail, 0..5);
    trail.close().unwrap();
    let (real, stray): (PathBuf, PathBuf) =
        [1, 99_999_999].map(|file| audit_file(&fixture.audit(), file)).into();
    for planted in [b"{}\n".to_vec(), Vec::new(), fs::read(&real).unwrap()] {
        fs::write(&stray, planted).unwrap();
        let before = fs::metadata(&real).unwrap().len();
        let trail = fixture.open();
        write(&trail, 0..1);
        assert!(fs::metadata(&real).unwrap().len() > before);
        let found = tampering(&fixture.check(&trail));
        assert!(found.iter().any(|(what, _)| *what == AuditWhat::FilesMissing), "{found:?}");
        trail.close().unwrap();
    }
    fs::remove_file(&stray).unwrap();
    assert_eq!(tampering(&fixture.check(&fixture.open())), []);
}

#[test]
fn numbers_at_their_end_keep_no_daemon_from_starting_nor_from_checking() {
    let fixture = Fixture::new();
    fixture.open().close().unwrap();
    let most = |line: String| {
        let line = line.replace("\"segment\":1", &format!("\"segment\":{}", u64::MAX));
        let line = line.replace("\"file\":1", &format!("\"file\":{}", u64::MAX));
        let line = line.replace("\"running\":0", &format!("\"running\":{}", u64::MAX));
        line.replace("\"count\":1", &format!("\"torn\":{0},\"count\":{0}", u64::MAX))
    };
    let mut lines: Vec<_> = fixture.lines(1).into_iter().map(most).collect();
    lines.insert(1, "torn".to_owned());
    fixture.put_lines(u64::MAX, &lines);
    assert_eq!(unended(&fixture.audit(), 1).unwrap(), []);
    let trail = fixture.open_with(100);
    write(&trail, 0..5);
    assert!(!tampering(&fixture.check(&trail)).is_empty());
}
