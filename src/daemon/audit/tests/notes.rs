//! What the note of the trail's head, which is outside of it, gives away.

use super::*;

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
