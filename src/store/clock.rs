//! The time that lifetimes are measured in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use nix::time::{ClockId, clock_gettime};

/// A clock that only goes forward.
pub trait Clock: Send + Sync + 'static {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;
}

/// `CLOCK_BOOTTIME`: goes on while the machine is suspended, so that a laptop's lid does not
/// lengthen a secret's life. [`std::time::Instant`] stands still then.
#[derive(Debug, Clone, Copy, Default)]
pub struct BootClock;

impl Clock for BootClock {
    fn now(&self) -> Duration {
        // The kernel has this clock since 2.6.39. Were it ever refused, all that is cached
        // counts as expired.
        clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::MAX, Duration::from)
    }
}

/// A clock that stands still until it is turned. Clones turn together.
#[derive(Debug, Clone, Default)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    /// Turns the clock forward by `time`, to the nanosecond.
    pub fn advance(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanoseconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_goes_forward() {
        let first = BootClock.now();
        std::thread::sleep(Duration::from_millis(2));
        assert!(BootClock.now() > first);
        assert!(first < Duration::MAX);
    }
}
