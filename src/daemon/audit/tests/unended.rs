//! The runs without an end, as the next daemon finds them.

use super::*;

const MAX: usize = 100;
const TIME: &str = "2026-01-31T12:00:00Z";

fn boot() -> Boot {
    Boot { id: Some("a boot".to_owned()), pid_namespace: Some(9) }
}

fn run(pid: i32, time: &str) -> SecretOperationAudit<'_> {
    SecretOperationAudit {
        time: time.to_owned(),
        pid,
        operation: "run",
        process: Some(70),
        uptime_ms: Some(5),
        ..event("a")
    }
}

fn end(pid: i32, since: &str) -> SecretOperationAudit<'_> {
    SecretOperationAudit {
        pid,
        operation: "run-end",
        outcome: "ended",
        since: Some(since),
        ..SecretOperationAudit::default()
    }
}

impl Fixture {
    /// As a daemon does that starts.
    fn next(&self, file_max_bytes: u64) -> Trail {
        let running = self.left().len();
        let there = Arc::clone(&self.there);
        let recipients = move || there.lock().unwrap().clone();
        let processes = Processes { boot: boot(), running };
        Trail::open_with(&self.audit(), recipients, processes, file_max_bytes).unwrap()
    }

    fn left(&self) -> Vec<(i32, String)> {
        let left = unended(&self.audit(), MAX).unwrap();
        left.into_iter().map(|left| (left.granted.pid, left.granted.time)).collect()
    }
}

fn append(trail: &Trail, events: &[SecretOperationAudit<'_>]) {
    for event in events {
        trail.append(event, Duration::ZERO).unwrap();
    }
}

fn which(runs: &[(i32, &str)]) -> Vec<(i32, String)> {
    runs.iter().map(|(pid, time)| (*pid, (*time).to_owned())).collect()
}

#[test]
fn a_run_is_without_an_end_until_its_own_end_is_on_the_trail() {
    let fixture = Fixture::new();
    assert_eq!(fixture.left(), []);
    let trail = fixture.next(FILE_MAX_BYTES);
    let denied = SecretOperationAudit { outcome: "denied", ..run(8, "2026-01-31T12:00:00Z") };
    // One process may have several runs, and a number several processes.
    append(
        &trail,
        &[
            denied,
            run(7, "2026-01-31T12:00:01Z"),
            run(7, "2026-01-31T12:00:02Z"),
            run(8, "2026-01-31T12:00:03Z"),
            event("a"),
        ],
    );
    assert_eq!(
        fixture.left(),
        which(&[
            (7, "2026-01-31T12:00:01Z"),
            (7, "2026-01-31T12:00:02Z"),
            (8, "2026-01-31T12:00:03Z")
        ])
    );
    append(&trail, &[end(7, "2026-01-31T12:00:02Z"), end(7, "2026-01-31T12:00:03Z")]);
    assert_eq!(fixture.left(), which(&[(7, "2026-01-31T12:00:01Z"), (8, "2026-01-31T12:00:03Z")]));
    let unended = unended(&fixture.audit(), MAX).unwrap().remove(0);
    assert_eq!(unended.boot, boot());
    assert_eq!((unended.granted.process, unended.granted.uptime_ms), (Some(70), 5));
    assert_eq!(unended.granted.keys, ["a"]);
    assert_eq!(whats(&fixture.check(&trail)), []);
}

#[test]
fn runs_are_found_over_segments_and_files_and_each_until_it_has_ended() {
    let fixture = Fixture::new();
    let trail = fixture.next(4_000);
    append(&trail, &[run(7, "2026-01-31T12:00:01Z"), run(8, "2026-01-31T12:00:02Z")]);
    write(&trail, 0..50);
    append(&trail, &[run(9, "2026-01-31T12:00:03Z")]);
    // One ends by a stop, and the next one is killed.
    trail.close().unwrap();
    let trail = fixture.next(4_000);
    append(&trail, &[end(8, "2026-01-31T12:00:02Z"), run(8, "2026-01-31T12:00:04Z")]);
    write(&trail, 0..50);
    drop(trail);
    assert_eq!(
        fixture.left(),
        which(&[
            (7, "2026-01-31T12:00:01Z"),
            (9, "2026-01-31T12:00:03Z"),
            (8, "2026-01-31T12:00:04Z")
        ])
    );
    let trail = fixture.next(4_000);
    append(
        &trail,
        &[
            end(9, "2026-01-31T12:00:03Z"),
            end(7, "2026-01-31T12:00:01Z"),
            end(8, "2026-01-31T12:00:04Z"),
        ],
    );
    assert_eq!(fixture.left(), []);
    assert!(audit_files(&fixture.audit()).unwrap().len() > 5);
    assert_eq!(tampering(&fixture.check(&trail)), []);
}

#[test]
fn nothing_is_read_that_no_run_which_goes_on_is_in() {
    let fixture = Fixture::new();
    let trail = fixture.next(4_000);
    append(
        &trail,
        &[
            run(7, "2026-01-31T12:00:01Z"),
            run(8, "2026-01-31T12:00:02Z"),
            end(7, "2026-01-31T12:00:01Z"),
        ],
    );
    write(&trail, 0..50);
    append(&trail, &[run(9, "2026-01-31T12:00:03Z"), end(8, "2026-01-31T12:00:02Z")]);
    write(&trail, 0..50);
    assert_eq!(fixture.left(), which(&[(9, "2026-01-31T12:00:03Z")]));
    // A run that was there all the time would be found if this was read.
    let first = fixture.lines(1);
    let without: Vec<_> = first.into_iter().filter(|line| !line.contains("run-end")).collect();
    fixture.put_lines(1, &without);
    assert_eq!(fixture.left(), which(&[(9, "2026-01-31T12:00:03Z")]));
}

#[test]
fn what_an_older_daemon_wrote_is_left_alone() {
    let fixture = Fixture::new();
    let trail = fixture.next(FILE_MAX_BYTES);
    let older =
        SecretOperationAudit { process: None, uptime_ms: None, ..run(7, "2026-01-31T12:00:01Z") };
    append(&trail, &[older]);
    drop(trail);
    let without =
        |line: String| line.replace("\"boot\":\"a boot\",\"pid_namespace\":9,\"running\":0,", "");
    let lines: Vec<_> = fixture.lines(1).into_iter().map(without).collect();
    assert!(!lines[0].contains("running"), "{}", lines[0]);
    fixture.put_lines(1, &lines);
    assert_eq!(fixture.left(), []);
}

#[test]
fn garbage_is_passed_over_and_no_more_is_found_than_is_asked_for() {
    let fixture = Fixture::new();
    let trail = fixture.next(FILE_MAX_BYTES);
    for n in 0..i32::try_from(MAX).unwrap() + 5 {
        append(&trail, &[run(n, TIME)]);
    }
    let left = fixture.left();
    assert_eq!((left.len(), left[0].0), (MAX, 5), "the latest");
    // No line, no name, no number, nothing that a daemon would write; and the last one is torn.
    let mut lines = fixture.lines(1);
    lines[104] = "{\"kind\":\"operation\",\"operation\":\"run\",\"outcome\":\"granted\"}".into();
    lines[103] = lines[103].replace("\"pid\":102", "\"pid\":1e99");
    lines[102] = "\u{1b}]0;x".into();
    for (n, (from, to)) in [
        (TIME, "soon".to_owned()),
        ("launcher", "a/b".to_owned()),
        ("\"home\"", "\"\"".to_owned()),
        ("\"a\"", "\"../a\"".to_owned()),
        ("\"a\"", vec!["\"a\""; 4_097].join(",")),
        (",\"process\"", format!(",\"command\":\"{}\",\"process\"", "c".repeat(513))),
        (",\"process\"", ",\"project\":\"\\n\",\"process\"".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let line = &mut lines[101 - n];
        assert!(line.contains(from));
        *line = line.replace(from, &to);
    }
    fixture.put_lines(1, &lines);
    let mut bytes = fs::read(audit_file(&fixture.audit(), 1)).unwrap();
    bytes.pop();
    fs::write(audit_file(&fixture.audit(), 1), bytes).unwrap();
    fs::create_dir(audit_file(&fixture.audit(), 2)).unwrap();
    fs::write(audit_file(&fixture.audit(), 3), [0xFF; 4096]).unwrap();
    assert_eq!(fixture.left().last().unwrap().0, 93);
    assert!(unended(&fixture.audit().join("nowhere"), MAX).is_err());
}
