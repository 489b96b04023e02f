//! Denials in a row: a bounded number of lines, and none of them lost.

use super::*;

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
