//! What the machine does with what the daemon can't lock, and its clock.

use std::{fs, time::SystemTime};

use nix::time::{ClockId, clock_gettime};

use super::{Check, State};
use crate::home::{Home, audit_files};

/// Swap that nothing of a disk sees: compressed memory.
const IN_MEMORY: &str = "/dev/zram";
/// Device-mapper names, under which encrypted swap is.
const MAPPED: [&str; 2] = ["/dev/dm-", "/dev/mapper/"];
/// A clock that is further behind the trail than this has been turned back.
const BEHIND_MAX_SECONDS: u64 = 60;

pub(super) fn checks(home: &Home) -> Vec<Check> {
    vec![swap(), clock(home)]
}

/// Secrets never meet swap; the 64 MiB in which Argon2 works can.
fn swap() -> Check {
    let table = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let on: Vec<&str> =
        table.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    let plain: Vec<&str> = on
        .iter()
        .copied()
        .filter(|name| !name.starts_with(IN_MEMORY))
        .filter(|name| !MAPPED.iter().any(|mapped| name.starts_with(mapped)))
        .collect();
    match (on.is_empty(), plain.is_empty()) {
        (true, _) => Check::ok("swap", "none"),
        (false, true) => Check::ok("swap", "in memory or on a mapped device"),
        (false, false) => Check::new(
            "swap",
            State::Degraded,
            format!("{}: what Argon2 works in may meet it", plain.join(", ")),
            "encrypt the swap, or use zram",
        ),
    }
}

/// Lifetimes need a clock that goes on in suspend, and the trail one that goes forward.
fn clock(home: &Home) -> Check {
    if clock_gettime(ClockId::CLOCK_BOOTTIME).is_err() {
        let detail = "CLOCK_BOOTTIME can't be read, so lifetimes would stop in suspend";
        return Check::new("clock", State::Wrong, detail, "allow clock_gettime in this sandbox");
    }
    let files = audit_files(&home.audit()).unwrap_or_default();
    let last = files.last_key_value().and_then(|(_, path)| path.metadata().ok()?.modified().ok());
    let ahead = last.and_then(|last| last.duration_since(SystemTime::now()).ok());
    match ahead {
        Some(ahead) if ahead.as_secs() > BEHIND_MAX_SECONDS => Check::new(
            "clock",
            State::Wrong,
            "it is behind the audit trail's last line",
            "set the clock: expiry and the trail's times go by it",
        ),
        _ => Check::ok("clock", "goes on in suspend, and is not behind the audit trail"),
    }
}
