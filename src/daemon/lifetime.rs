//! What ends by itself: values, unlocked profiles, and the daemon.

use std::{io, sync::Arc, time::Duration};

use nix::time::{ClockId, clock_gettime};

use super::Daemon;
use crate::config::Sync;

/// How often lifetimes are looked at. An entry is gone within its lifetime and
/// a second, so this is less than a second.
const STEP: Duration = Duration::from_millis(500);
/// CLOCK_BOOTTIME goes on during suspend and CLOCK_MONOTONIC does not: more
/// than this between them, in one step, was a suspend.
const SUSPEND_MIN: Duration = Duration::from_secs(2);
/// How long a daemon that another command has started stays while all is
/// locked. The kernel does not hibernate while secret memory is in use.
const LOCKED_MAX: Duration = Duration::from_secs(50);

/// Watches all lifetimes; returns when the daemon itself should leave.
pub(super) async fn watch(daemon: &Arc<Daemon>) {
    let mut locked_since = super::now();
    let mut suspended_before = suspended();
    let mut synced_at = super::now();
    loop {
        tokio::time::sleep(STEP).await;
        let (now, settings) = (super::now(), daemon.settings.current());
        if let Err(error) = daemon.trail.tick(now) {
            tracing::error!(%error, "the audit trail can't be written");
        }
        for profile in daemon.vaults.expire(&settings.lifetimes, now) {
            tracing::info!(%profile, "locked: its lifetime is over");
        }
        let suspended = suspended();
        if was_suspended(suspended_before, suspended) {
            daemon.note_head();
            let profiles = daemon.vaults.lock_all();
            tracing::info!(count = profiles.len(), "locked: the machine was suspended");
        }
        suspended_before = suspended;
        if is_sync_due(settings.sync, now.saturating_sub(synced_at)) {
            synced_at = now;
            sync_trail(daemon).await;
        }
        // What watches a run holds names, and no secret memory of any profile.
        if daemon.vaults.any_unlocked() || !daemon.runs.is_empty() {
            locked_since = now;
        } else if daemon.detached && now.saturating_sub(locked_since) >= LOCKED_MAX {
            return;
        }
    }
}

fn is_sync_due(sync: Sync, elapsed: Duration) -> bool {
    match sync {
        Sync::Always => true,
        // Half a step early, or the first step after the time would be a whole one late.
        Sync::Within(time) => elapsed + STEP / 2 >= time.min(Duration::from_secs(1)),
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

/// How long this machine has been suspended since it started.
fn suspended() -> Duration {
    let read = |clock| clock_gettime(clock).map(Duration::from).unwrap_or_default();
    read(ClockId::CLOCK_BOOTTIME).saturating_sub(read(ClockId::CLOCK_MONOTONIC))
}

fn was_suspended(before: Duration, after: Duration) -> bool {
    after.saturating_sub(before) >= SUSPEND_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_hours_of_suspend_are_noticed_and_jitter_is_not() {
        let before = Duration::from_millis(1_500);
        assert!(was_suspended(before, before + Duration::from_secs(36_000)));
        assert!(!was_suspended(before, before + Duration::from_millis(3)));
        assert!(!was_suspended(before, Duration::ZERO));
    }
}
