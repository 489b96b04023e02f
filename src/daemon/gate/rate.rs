//! Gate 4: how often?
//!
//! A token bucket for each registered name, so that reconnecting gains nothing.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::LAUNCHER;
use crate::{
    config::Rate,
    wire::message::{Problem, Reason},
};

/// A build that runs `pds run` from sixteen jobs at once must not be refused.
const LAUNCHER_RATE: Rate = Rate { burst: 2_000, per_second: 1_000 };
const CLIENT_RATE: Rate = Rate { burst: 50, per_second: 10 };
/// Names remembered at once. Only registered names get here, so that more
/// would take as many enrolments; the less recently used half goes.
const BUCKETS_MAX: usize = 1_024;

/// The limits in force.
#[derive(Debug, Clone, Default)]
pub struct RateLimits(BTreeMap<String, Rate>);

impl RateLimits {
    /// The limits of a config.
    #[must_use]
    pub fn new(configured: BTreeMap<String, Rate>) -> Self {
        Self(configured)
    }

    /// The limit of one requester.
    #[must_use]
    pub fn of(&self, requester: &str) -> Rate {
        let default = if requester == LAUNCHER { LAUNCHER_RATE } else { CLIENT_RATE };
        self.0.get(requester).copied().unwrap_or(default)
    }
}

/// The buckets of all requesters.
#[derive(Debug, Default)]
pub struct Buckets(HashMap<String, Bucket>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Tokens when it was last looked at.
    tokens: f64,
    /// When that was, on CLOCK_BOOTTIME.
    at: Duration,
}

impl Bucket {
    fn take(&mut self, rate: Rate, now: Duration) -> Result<(), Duration> {
        let elapsed = now.saturating_sub(self.at).as_secs_f64();
        let refilled = self.tokens + elapsed * f64::from(rate.per_second);
        *self = Self { tokens: refilled.min(f64::from(rate.burst)), at: now };
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        // A rate of nothing never gives a token; a day is as good as never here.
        let seconds = (1.0 - self.tokens) / f64::from(rate.per_second);
        Err(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(86_400)))
    }
}

/// How fast one client's connections are taken: twice as fast as its requests are,
/// and some more. A handshake costs the daemon as much as a few requests do, and
/// comes before any gate.
#[derive(Debug, Default)]
pub struct Pace(Option<Bucket>);

impl Pace {
    /// Whether the next connection is taken now.
    ///
    /// # Errors
    /// How long that takes.
    pub fn step(&mut self, requests: Rate, now: Duration) -> Result<(), Duration> {
        const MORE: u32 = 10;
        let twice = |rate: u32| rate.saturating_mul(2).saturating_add(MORE);
        let rate = Rate { burst: twice(requests.burst), per_second: twice(requests.per_second) };
        let full = Bucket { tokens: f64::from(rate.burst), at: now };
        self.0.get_or_insert(full).take(rate, now)
    }
}

/// The requester had a token, and it is spent.
#[derive(Debug)]
pub(super) struct Within(());

pub(super) fn ask(
    requester: &str,
    limits: &RateLimits,
    buckets: &mut Buckets,
    now: Duration,
) -> Result<Within, Vec<Problem>> {
    buckets.take(requester, limits.of(requester), now).map(|()| Within(())).map_err(|wait| {
        let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        let problem = Problem::with_request(Reason::RateLimited);
        vec![Problem { retry_after_ms: Some(retry_after_ms), ..problem }]
    })
}

impl Buckets {
    /// Takes a token of a name's.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub fn take(&mut self, requester: &str, rate: Rate, now: Duration) -> Result<(), Duration> {
        if !self.0.contains_key(requester) {
            self.make_room();
            let full = Bucket { tokens: f64::from(rate.burst), at: now };
            self.0.insert(requester.to_owned(), full);
        }
        let Some(bucket) = self.0.get_mut(requester) else {
            return Err(Duration::MAX);
        };
        bucket.take(rate, now)
    }

    fn make_room(&mut self) {
        if self.0.len() < BUCKETS_MAX {
            return;
        }
        // Half of them at once: looking for the oldest one each time would be what a
        // flood of names costs.
        let mut times: Vec<_> = self.0.values().map(|bucket| bucket.at).collect();
        let (_, median, _) = times.select_nth_unstable(BUCKETS_MAX / 2);
        let median = *median;
        self.0.retain(|_, bucket| bucket.at > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, per_second: 10 };

    #[test]
    fn a_burst_passes_and_then_a_wait_is_named_that_is_enough() {
        let mut buckets = Buckets::default();
        let now = Duration::from_secs(100);
        for _ in 0..3 {
            assert_eq!(buckets.take("ci", RATE, now), Ok(()));
        }
        let wait = buckets.take("ci", RATE, now).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(buckets.take("ci", RATE, now + wait), Ok(()));
        assert!(buckets.take("ci", RATE, now + wait).is_err());
    }

    #[test]
    fn one_requester_does_not_spend_anothers_tokens() {
        let mut buckets = Buckets::default();
        let now = Duration::ZERO;
        while buckets.take("flood", RATE, now).is_ok() {}
        assert_eq!(buckets.take("ci", RATE, now), Ok(()));
    }

    #[test]
    fn a_million_names_make_no_more_than_the_table_holds() {
        let mut buckets = Buckets::default();
        for n in 0..1_000_000u64 {
            let _ = buckets.take(&n.to_string(), RATE, Duration::from_nanos(n));
            assert!(buckets.0.len() <= BUCKETS_MAX);
        }
        // What was removed leaves marks in a hash map, for which it makes room once.
        assert!(buckets.0.capacity() <= 4 * BUCKETS_MAX, "the table has grown");
        assert!(buckets.0.contains_key("999999") && !buckets.0.contains_key("0"));
    }

    #[test]
    fn a_rate_of_nothing_refuses_without_dividing_by_it() {
        let mut buckets = Buckets::default();
        let nothing = Rate { burst: 0, per_second: 0 };
        assert!(buckets.take("ci", nothing, Duration::ZERO).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_of_requests_gets_more_than_burst_and_rate(
            steps in proptest::collection::vec(0u64..500, 1..400),
        ) {
            let mut buckets = Buckets::default();
            let (mut now, mut passed) = (0, 0u64);
            for step in steps {
                now += step;
                passed += u64::from(buckets.take("ci", RATE, Duration::from_millis(now)).is_ok());
            }
            proptest::prop_assert!(passed <= 3 + now / 100 + 1);
        }
    }
}
