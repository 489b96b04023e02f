//! What the machine does with what the daemon can't lock, and its clock.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use nix::time::{ClockId, clock_gettime};

use super::{Check, State};
use crate::home::{Home, audit_files};

/// Swap that nothing of a disk sees: compressed memory.
const IN_MEMORY: &str = "/dev/zram";
/// Device-mapper names, under which encrypted swap is.
const MAPPED: [&str; 2] = ["/dev/dm-", "/dev/mapper/"];
/// A clock that is further behind the trail than this has been turned back.
const BEHIND_MAX: Duration = Duration::from_secs(60);

pub(super) fn checks(home: &Home) -> Vec<Check> {
    let files = audit_files(&home.audit()).unwrap_or_default();
    let last = files.last_key_value().and_then(|(_, path)| path.metadata().ok()?.modified().ok());
    let ahead = last.and_then(|last| last.duration_since(SystemTime::now()).ok());
    let goes_on = clock_gettime(ClockId::CLOCK_BOOTTIME).is_ok();
    vec![swap(&fs::read_to_string("/proc/swaps").unwrap_or_default()), clock(goes_on, ahead)]
}

/// Secrets never meet swap; the 64 MiB in which Argon2 works can. `table` is as in
/// proc_swaps(5).
fn swap(table: &str) -> Check {
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

/// Lifetimes need a clock that goes on in suspend, and the trail one that goes forward: `ahead`
/// is how far its last line is.
fn clock(goes_on: bool, ahead: Option<Duration>) -> Check {
    if !goes_on {
        let detail = "CLOCK_BOOTTIME can't be read, so lifetimes would stop in suspend";
        return Check::new("clock", State::Wrong, detail, "allow clock_gettime in this sandbox");
    }
    match ahead {
        Some(ahead) if ahead > BEHIND_MAX => Check::new(
            "clock",
            State::Wrong,
            "it is behind the audit trail's last line",
            "set the clock: expiry and the trail's times go by it",
        ),
        _ => Check::ok("clock", "goes on in suspend, and is not behind the audit trail"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLES: &str = "Filename\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    #[test]
    fn swap_on_a_disk_is_told_from_swap_that_is_none() {
        let of = |rows: &str| swap(&format!("{TITLES}{rows}"));
        assert_eq!(of("").told(), (State::Ok, "none", None));
        for row in ["/dev/zram0 partition 8388604 0 100\n", "/dev/dm-1 partition 8388604 0 -2\n"] {
            let mapped = (State::Ok, "in memory or on a mapped device", None);
            assert_eq!(of(row).told(), mapped);
        }
        let disk = of("/dev/zram0 partition 1 0 100\n/dev/sda2 partition 1 0 -2\n/f file 1 0 -3\n");
        let may_meet = "/dev/sda2, /f: what Argon2 works in may meet it";
        let hint = Some("encrypt the swap, or use zram");
        assert_eq!(disk.told(), (State::Degraded, may_meet, hint));
    }

    #[test]
    fn a_clock_that_stops_or_was_turned_back_is_wrong() {
        let stops = "CLOCK_BOOTTIME can't be read, so lifetimes would stop in suspend";
        let hint = Some("allow clock_gettime in this sandbox");
        assert_eq!(clock(false, None).told(), (State::Wrong, stops, hint));
        assert_eq!(clock(true, Some(BEHIND_MAX)).state, State::Ok);
        assert_eq!(clock(true, Some(BEHIND_MAX * 2)).state, State::Wrong);
    }
}
