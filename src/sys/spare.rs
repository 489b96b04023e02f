//! The one region that is kept for the next large value.
//!
//! In the daemon, fresh secret pages from the kernel are most of what a long answer costs,
//! and wiping those of the last answer costs next to nothing. The launcher keeps no region:
//! it makes one large value in its life, and wiping that would touch pages that were never used.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::region::{Protection, Region, RegionError};

/// A longer region is not kept: locked memory is scarce.
const KEPT_MAX_BYTES: usize = 256 << 10;

static ENABLED: AtomicBool = AtomicBool::new(false);
static KEPT: Mutex<Option<Region>> = Mutex::new(None);

fn kept() -> MutexGuard<'static, Option<Region>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on regions are kept.
pub(crate) fn enable() {
    ENABLED.store(true, Ordering::Relaxed);
}

/// Takes a region that nobody needs any more.
pub(super) fn keep(mut region: Region) {
    if ENABLED.load(Ordering::Relaxed) && region.len() <= KEPT_MAX_BYTES {
        super::arena::wipe(region.as_mut_slice());
        *kept() = Some(region);
    }
}

/// Gives up what was kept, if anything was.
pub(crate) fn give_up() -> bool {
    kept().take().is_some()
}

/// The region that was kept, if it is long enough, or a new one.
pub(super) fn take_or_map(len: usize) -> Result<Region, RegionError> {
    // A statement of its own, so that the lock is not held while `map` gives up what was kept.
    let long_enough = kept().take_if(|region| region.len() >= len);
    match long_enough {
        Some(region) => Ok(region),
        None => map(len, Protection::Locked),
    }
}

/// [`Region::map`]. Where locked memory has run out, what was kept is given up for it.
pub(super) fn map(len: usize, weakest: Protection) -> Result<Region, RegionError> {
    Region::map(len, weakest).or_else(|error| match give_up() {
        true => Region::map(len, weakest),
        false => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_is_kept_comes_back_wiped_and_can_be_given_up() {
        enable();
        let mut first = take_or_map(4096).unwrap();
        first.as_mut_slice().fill(0xA5);
        keep(first);
        let second = take_or_map(100).unwrap();
        assert!(second.as_slice().iter().all(|&byte| byte == 0));
        keep(second);
        ENABLED.store(false, Ordering::Relaxed);
        give_up();
        assert!(!give_up());
    }
}
