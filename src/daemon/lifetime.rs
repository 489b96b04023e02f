//! What ends by itself: values, unlocked profiles, and the daemon.

use std::{io, sync::Arc, time::Duration};

use nix::time::{ClockId, clock_gettime};

use super::Daemon;
use crate::config::TrailSync;

/// How often lifetimes are looked at. An entry is gone within its lifetime and
/// a second, so this is less than a second.
const STEP: Duration = Duration::from_millis(500);
/// CLOCK_BOOTTIME goes on during suspend and CLOCK_MONOTONIC does not: more
/// than this between them, in one step, was a suspend.
const SUSPEND_MIN: Duration = Duration::from_secs(2);
/// How long a daemon goes on while all is locked and nobody is connected. The kernel does
/// not hibernate while secret memory is in use.
const LOCKED_MAX: Duration = Duration::from_secs(50);
/// And how long where somebody is: whoever is about to unlock is not cut off at once.
const LOCKED_AND_CALLED_MAX: Duration = Duration::from_secs(58);

/// What becomes of a daemon that does not serve any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// It is gone, and whoever needs one starts another.
    Leaves,
    /// It waits, without secret memory, until it is needed.
    Rests,
}

/// The clocks that lifetimes go by, read at one moment.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    /// CLOCK_BOOTTIME.
    boot: Duration,
    /// How long this machine has been suspended since it started.
    suspended: Duration,
}

impl Clocks {
    fn read() -> Self {
        let boot = super::now();
        let awake = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
        Self { boot, suspended: boot.saturating_sub(awake.unwrap_or(boot)) }
    }
}

/// What is remembered from one look at the lifetimes to the next.
#[derive(Debug)]
struct Watch {
    locked_since: Duration,
    /// How many unlockings there had been: between two looks a profile may come and go.
    unlocked_so_far: u64,
    suspended: Duration,
    synced_at: Duration,
}

impl Watch {
    fn begin(clocks: Clocks) -> Self {
        let Clocks { boot, suspended } = clocks;
        Self { locked_since: boot, unlocked_so_far: 0, suspended, synced_at: boot }
    }

    /// Ends what is over, the daemon itself too.
    fn look(&mut self, daemon: &Daemon, clocks: Clocks) -> Option<Over> {
        let (now, settings) = (clocks.boot, daemon.settings.current());
        if let Err(error) = daemon.trail.tick(now) {
            tracing::error!(%error, "the audit trail can't be written");
        }
        for profile in daemon.vaults.expire(&settings.lifetimes, now) {
            tracing::info!(%profile, "locked: its lifetime is over");
        }
        if was_suspended(self.suspended, clocks.suspended) {
            daemon.note_head();
            let profiles = daemon.vaults.lock_all();
            tracing::info!(count = profiles.len(), "locked: the machine was suspended");
        }
        self.suspended = clocks.suspended;
        let unlocked_so_far = daemon.vaults.unlocked_so_far();
        if daemon.vaults.any_unlocked() || unlocked_so_far != self.unlocked_so_far {
            (self.locked_since, self.unlocked_so_far) = (now, unlocked_so_far);
        }
        let most = if daemon.seats.are_free() { LOCKED_MAX } else { LOCKED_AND_CALLED_MAX };
        // A password that is being tried may open a vault in a moment.
        let is_over =
            now.saturating_sub(self.locked_since) >= most && !daemon.tries.are_under_way();
        let leaves = daemon.comes_back && daemon.runs.is_empty();
        is_over.then_some(if leaves { Over::Leaves } else { Over::Rests })
    }
}

/// Watches all lifetimes, to that of the daemon itself.
pub(super) async fn watch(daemon: &Arc<Daemon>) -> Over {
    let mut watch = Watch::begin(Clocks::read());
    loop {
        tokio::time::sleep(STEP).await;
        let clocks = Clocks::read();
        let over = watch.look(daemon, clocks);
        let sync = daemon.settings.current().sync;
        if is_sync_due(sync, clocks.boot.saturating_sub(watch.synced_at)) {
            watch.synced_at = clocks.boot;
            sync_trail(daemon).await;
        }
        if let Some(over) = over {
            return over;
        }
    }
}

fn is_sync_due(sync: TrailSync, elapsed: Duration) -> bool {
    match sync {
        TrailSync::Always => true,
        // Half a step early, or the first step after the time would be a whole one late.
        TrailSync::Within(time) => elapsed + STEP / 2 >= time.min(Duration::from_secs(1)),
    }
}

async fn sync_trail(daemon: &Arc<Daemon>) {
    let trail = Arc::clone(daemon);
    let outcome = tokio::task::spawn_blocking(move || {
        let news = trail.trail.sync()?;
        if news {
            trail.note_head();
        }
        Ok(())
    })
    .await;
    if let Ok(Err(error)) = outcome as Result<io::Result<()>, _> {
        tracing::error!(%error, "the audit trail can't be synced");
    }
}

fn was_suspended(before: Duration, after: Duration) -> bool {
    after.saturating_sub(before) >= SUSPEND_MIN
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::{
        daemon::{tests::Ready, unlock::trial},
        secret::{SecureBytes, TrustProfileName},
    };

    const START: Clocks =
        Clocks { boot: Duration::from_secs(100_000), suspended: Duration::from_secs(50) };

    fn after(awake: Duration, asleep: Duration) -> Clocks {
        let (boot, suspended) = (super::super::now() + awake + asleep, START.suspended + asleep);
        Clocks { boot, suspended }
    }

    #[tokio::test]
    async fn a_suspend_of_ten_hours_or_of_three_seconds_locks_at_resume() {
        for asleep in [36_000, 3].map(Duration::from_secs) {
            let ready = Ready::new().await;
            let mut watch = Watch::begin(after(Duration::ZERO, Duration::ZERO));
            let mut step = Duration::ZERO;
            for _ in 0..3 {
                step += STEP;
                watch.look(&ready.daemon, after(step, Duration::ZERO));
                assert_eq!(ready.get().await.as_deref(), Some(Ready::VALUE));
            }
            let cache = ready.cache();
            assert_eq!(cache.len(), 1);
            watch.look(&ready.daemon, after(step + STEP, asleep));
            assert!(!ready.daemon.vaults.any_unlocked(), "{asleep:?}");
            assert!(cache.is_empty());
            assert_eq!(ready.get().await, None);
        }
    }

    #[tokio::test]
    async fn values_and_profiles_end_when_their_time_is_over_and_not_before() {
        let ready = Ready::new().await;
        ready.get().await.unwrap();
        let cache = ready.cache();
        let mut watch = Watch::begin(after(Duration::ZERO, Duration::ZERO));
        let lifetimes = ready.daemon.settings.current().lifetimes;
        watch.look(&ready.daemon, after(lifetimes.idle - STEP * 2, Duration::ZERO));
        assert!(ready.daemon.vaults.any_unlocked());
        watch.look(&ready.daemon, after(lifetimes.idle, Duration::ZERO));
        assert!(!ready.daemon.vaults.any_unlocked() && cache.is_empty());
    }

    #[tokio::test]
    async fn once_all_is_locked_a_daemon_that_a_command_started_leaves_and_any_other_rests() {
        for (detached, over) in [(true, Over::Leaves), (false, Over::Rests)] {
            let ready = Ready::started(detached).await;
            let mut watch = Watch::begin(after(Duration::ZERO, Duration::ZERO));
            let unlocked = watch.look(&ready.daemon, after(LOCKED_MAX * 2, Duration::ZERO));
            assert_eq!(unlocked, None);
            ready.daemon.vaults.lock_all();
            let mut later =
                |by| watch.look(&ready.daemon, after(LOCKED_MAX * 2 + by, Duration::ZERO));
            assert_eq!(later(LOCKED_MAX - STEP), None);
            // Whoever has connected is left a while.
            let seats = ready.daemon.seats.take_two();
            assert_eq!(later(LOCKED_MAX + STEP), None);
            assert_eq!(later(LOCKED_AND_CALLED_MAX + STEP), Some(over));
            drop(seats);
            assert_eq!(later(LOCKED_MAX + STEP), Some(over));
        }
    }

    #[tokio::test]
    async fn a_profile_that_comes_and_goes_between_two_looks_keeps_the_daemon() {
        let ready = Ready::started(true).await;
        let mut watch = Watch::begin(after(Duration::ZERO, Duration::ZERO));
        let mut later = |by| watch.look(&ready.daemon, after(by, Duration::ZERO));
        ready.daemon.vaults.lock_all();
        assert_eq!(later(STEP), None);
        ready.unlock().await;
        ready.daemon.vaults.lock_all();
        assert_eq!(later(LOCKED_MAX), None);
        assert_eq!(later(LOCKED_MAX * 2 - STEP), None);
        assert_eq!(later(LOCKED_MAX * 2), Some(Over::Leaves));
    }

    #[tokio::test]
    async fn a_daemon_does_not_leave_while_a_password_is_tried() {
        let ready = Ready::started(true).await;
        let mut watch = Watch::begin(after(Duration::ZERO, Duration::ZERO));
        ready.daemon.vaults.lock_all();
        let mut later = |by| watch.look(&ready.daemon, after(by, Duration::ZERO));
        assert_eq!(later(STEP), None);
        let (begun, has_begun) = channel();
        let (go_on, may_go_on) = channel::<()>();
        let profile = TrustProfileName::new("work").unwrap();
        let password = SecureBytes::copy_from(b"p").unwrap();
        let daemon = Arc::clone(&ready.daemon);
        let tried = tokio::spawn(async move {
            let work = move |_: &[u8]| {
                begun.send(()).unwrap();
                may_go_on.recv().unwrap();
                Ok(())
            };
            trial(&daemon, &profile, password, work).await.is_ok()
        });
        while has_begun.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(later(LOCKED_AND_CALLED_MAX * 2), None);
        go_on.send(()).unwrap();
        assert!(tried.await.unwrap());
        assert_eq!(later(LOCKED_AND_CALLED_MAX * 2), Some(Over::Leaves));
    }

    #[test]
    fn ten_hours_of_suspend_are_noticed_and_jitter_is_not() {
        let before = Duration::from_millis(1_500);
        assert!(was_suspended(before, before + Duration::from_secs(36_000)));
        assert!(!was_suspended(before, before + Duration::from_millis(3)));
        assert!(!was_suspended(before, Duration::ZERO));
    }
}
