//! The one arena that all of [`SecureBytes`](crate::secret::SecureBytes) lives in.
//!
//! RLIMIT_MEMLOCK counts pages, and a mapping for each value would spend five of
//! them on 32 bytes. So values are packed: an *extent* is one guarded
//! [`Region`], cut into granules of 16 bytes, with a bitmap on the ordinary
//! heap that says which are taken. A value's *slot* is
//!
//! ```text
//! | canary, 8 bytes | the value | canary, 8 bytes | unused, < 16 bytes |
//! ```
//!
//! A value over [`LARGE_BYTES`] gets a region of its own and ends at the guard page.

use std::{
    ptr::NonNull,
    sync::{Mutex, OnceLock, PoisonError},
};

use super::region::{Protection, Region, RegionError};

const GRANULE_BYTES: usize = 16;
const CANARY_BYTES: usize = 8;
/// The launcher needs no more than this; the daemon's extents double from here.
const FIRST_EXTENT_BYTES: usize = 32 << 10;
const MAX_EXTENT_BYTES: usize = 1 << 20;
/// From this size on, a value has a region of its own.
const LARGE_BYTES: usize = 64 << 10;

/// A value's place. Freed by [`free`], once.
#[derive(Debug)]
pub(crate) struct Slot {
    value: NonNull<u8>,
    len: usize,
    /// The region of a large value, which goes when the slot goes.
    own: Option<Region>,
}

// SAFETY: a slot is exclusive memory; the arena's lock guards all that is shared.
unsafe impl Send for Slot {}
// SAFETY: `&Slot` only reads.
unsafe impl Sync for Slot {}

impl Slot {
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: `len` bytes from `value` belong to this slot until `free`
        // consumes it, and are initialised: zero when mapped and after each wipe.
        unsafe { std::slice::from_raw_parts(self.value.as_ptr(), self.len) }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above, exclusive through `&mut self`.
        unsafe { std::slice::from_raw_parts_mut(self.value.as_ptr(), self.len) }
    }
}

struct Extent {
    region: Region,
    /// One bit a granule; set means taken.
    taken: Vec<u64>,
    granules_free: usize,
    /// Where the next search begins: most values come and go in order.
    next: usize,
}

struct Arena {
    extents: Vec<Extent>,
    canary: u64,
}

fn arena() -> &'static Mutex<Arena> {
    static ARENA: OnceLock<Mutex<Arena>> = OnceLock::new();
    ARENA.get_or_init(|| {
        let mut canary = [0; CANARY_BYTES];
        // A canary need not be secret from this process, only unlikely; should
        // the kernel have no randomness, a constant still catches overruns.
        let _ = super::random::fill(&mut canary);
        Mutex::new(Arena { extents: Vec::new(), canary: u64::from_ne_bytes(canary) | 1 })
    })
}

/// `len` zero bytes in the arena.
///
/// # Errors
/// [`RegionError`] if no memory of at least [`Protection::Locked`] is left.
pub(crate) fn allocate(len: usize) -> Result<Slot, RegionError> {
    if len > LARGE_BYTES {
        return allocate_large(len);
    }
    let mut arena = arena().lock().unwrap_or_else(PoisonError::into_inner);
    let granules = (len + 2 * CANARY_BYTES).div_ceil(GRANULE_BYTES);
    let start = arena.take(granules)?;
    let canary = arena.canary;
    drop(arena);
    // SAFETY: `take` gave us `granules` granules from `start`, which hold both
    // canaries and the value.
    let slot = unsafe { Slot { value: start.add(CANARY_BYTES), len, own: None } };
    write_canaries(&slot, canary);
    Ok(slot)
}

fn allocate_large(len: usize) -> Result<Slot, RegionError> {
    let region = Region::map(len + CANARY_BYTES, Protection::Locked)?;
    // SAFETY: the region has at least `len + CANARY_BYTES` bytes. The value ends
    // where it ends, so that one byte too many meets the guard page.
    let value = unsafe { region.base().add(region.len() - len) };
    let slot = Slot { value, len, own: Some(region) };
    let canary = arena().lock().unwrap_or_else(PoisonError::into_inner).canary;
    write_canaries(&slot, canary);
    Ok(slot)
}

/// Wipes a slot and gives it back. A damaged canary ends the process: something
/// wrote outside its buffer, and nothing this process does can be trusted now.
pub(crate) fn free(slot: &mut Slot) {
    let mut arena = arena().lock().unwrap_or_else(PoisonError::into_inner);
    if !canaries_intact(slot, arena.canary) {
        super::process::die("secret memory was overrun");
    }
    // SAFETY: the slot's own bytes, which nobody can use after this.
    unsafe { memsec::memzero(slot.value.as_ptr(), slot.len) };
    if slot.own.take().is_some() {
        return;
    }
    // SAFETY: both canaries lie inside the granules that the slot was given.
    unsafe {
        memsec::memzero(slot.value.as_ptr().sub(CANARY_BYTES), CANARY_BYTES);
        memsec::memzero(slot.value.as_ptr().add(slot.len), CANARY_BYTES);
    }
    let granules = (slot.len + 2 * CANARY_BYTES).div_ceil(GRANULE_BYTES);
    arena.give_back(slot.value.as_ptr() as usize - CANARY_BYTES, granules);
}

fn write_canaries(slot: &Slot, canary: u64) {
    let bytes = canary.to_ne_bytes();
    // SAFETY: the 8 bytes before the value are the slot's, and in a slot without
    // a region of its own the 8 after it too. A value is not aligned in general.
    unsafe {
        let before = slot.value.as_ptr().sub(CANARY_BYTES);
        before.copy_from_nonoverlapping(bytes.as_ptr(), CANARY_BYTES);
        if slot.own.is_none() {
            let after = slot.value.as_ptr().add(slot.len);
            after.copy_from_nonoverlapping(bytes.as_ptr(), CANARY_BYTES);
        }
    }
}

fn canaries_intact(slot: &Slot, canary: u64) -> bool {
    let bytes = canary.to_ne_bytes();
    // SAFETY: the same bytes as in `write_canaries`, only read.
    unsafe {
        let before = slot.value.as_ptr().sub(CANARY_BYTES);
        let after = slot.value.as_ptr().add(slot.len);
        memsec::memeq(before, bytes.as_ptr(), CANARY_BYTES)
            && (slot.own.is_some() || memsec::memeq(after, bytes.as_ptr(), CANARY_BYTES))
    }
}

/// Constant-time comparison of two byte strings; their lengths are no secret.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    // SAFETY: both pointers have `a.len()` readable bytes, the lengths being equal.
    a.len() == b.len() && unsafe { memsec::memeq(a.as_ptr(), b.as_ptr(), a.len()) }
}

/// Wipes `bytes` so that no optimiser can leave it out.
pub(crate) fn wipe(bytes: &mut [u8]) {
    // SAFETY: an exclusive slice is writable for its whole length.
    unsafe { memsec::memzero(bytes.as_mut_ptr(), bytes.len()) }
}

impl Arena {
    fn take(&mut self, granules: usize) -> Result<NonNull<u8>, RegionError> {
        // The newest extent is the largest and the likeliest to have room.
        if let Some(start) = self.extents.iter_mut().rev().find_map(|e| e.take(granules)) {
            return Ok(start);
        }
        let grown = self.extents.iter().map(|e| e.region.len() * 2).max();
        let wished = grown.unwrap_or(FIRST_EXTENT_BYTES).min(MAX_EXTENT_BYTES);
        let needed = granules * GRANULE_BYTES;
        let mut extent = Extent::map(wished.max(needed), needed)?;
        let start = extent.take(granules).ok_or(RegionError::OutOfMemory)?;
        self.extents.push(extent);
        Ok(start)
    }

    fn give_back(&mut self, address: usize, granules: usize) {
        let Some(at) = self.extents.iter().position(|e| e.contains(address)) else {
            return;
        };
        self.extents[at].give_back(address, granules);
        // Locked memory is scarce and keeps the machine from hibernating, so an
        // extent that nobody uses goes; one stays, or a single value would map
        // and unmap at every turn.
        if self.extents[at].is_unused() && self.extents.len() > 1 {
            self.extents.swap_remove(at);
        }
    }
}

impl Extent {
    /// Maps `wished` bytes or, near the limit, half and half again, down to `needed`.
    fn map(mut wished: usize, needed: usize) -> Result<Self, RegionError> {
        loop {
            match Region::map(wished, Protection::Locked) {
                Ok(region) => return Ok(Self::over(region)),
                Err(error) if wished / 2 < needed => return Err(error),
                Err(_) => wished /= 2,
            }
        }
    }

    fn over(region: Region) -> Self {
        let granules_free = region.len() / GRANULE_BYTES;
        Self { taken: vec![0; granules_free.div_ceil(64)], granules_free, next: 0, region }
    }

    fn granules(&self) -> usize {
        self.region.len() / GRANULE_BYTES
    }

    fn is_unused(&self) -> bool {
        self.granules_free == self.granules()
    }

    fn contains(&self, address: usize) -> bool {
        let base = self.region.base().as_ptr() as usize;
        (base..base + self.region.len()).contains(&address)
    }

    fn take(&mut self, granules: usize) -> Option<NonNull<u8>> {
        if granules > self.granules_free {
            return None;
        }
        let at = self.run_of_free(self.next, granules).or_else(|| self.run_of_free(0, granules))?;
        self.mark(at, granules, true);
        self.granules_free -= granules;
        self.next = at + granules;
        // SAFETY: `at + granules` is at most the extent's number of granules.
        Some(unsafe { self.region.base().add(at * GRANULE_BYTES) })
    }

    fn give_back(&mut self, address: usize, granules: usize) {
        let at = (address - self.region.base().as_ptr() as usize) / GRANULE_BYTES;
        self.mark(at, granules, false);
        self.granules_free += granules;
        self.next = self.next.min(at);
    }

    /// The first run of `granules` free ones at or after `from`.
    fn run_of_free(&self, from: usize, granules: usize) -> Option<usize> {
        let (mut at, mut run) = (from, 0);
        while at < self.granules() {
            let word = self.taken[at / 64];
            if word == u64::MAX && at.is_multiple_of(64) {
                (at, run) = (at + 64, 0);
            } else if word & (1 << (at % 64)) != 0 {
                (at, run) = (at + 1, 0);
            } else {
                (at, run) = (at + 1, run + 1);
                if run == granules {
                    return Some(at - granules);
                }
            }
        }
        None
    }

    fn mark(&mut self, at: usize, granules: usize, taken: bool) {
        for granule in at..at + granules {
            let bit = 1 << (granule % 64);
            let word = &mut self.taken[granule / 64];
            *word = if taken { *word | bit } else { *word & !bit };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_slot_is_zero_when_it_is_taken_again() {
        let mut extent = Extent::map(FIRST_EXTENT_BYTES, 64).unwrap();
        let a = extent.take(4).unwrap();
        extent.give_back(a.as_ptr() as usize, 4);
        let b = extent.take(4).unwrap();
        assert_eq!(a, b);
        // SAFETY: four granules that this test owns.
        let bytes = unsafe { std::slice::from_raw_parts(b.as_ptr(), 64) };
        assert!(bytes.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn an_extent_is_filled_to_its_last_granule_and_no_further() {
        let mut extent = Extent::map(FIRST_EXTENT_BYTES, 64).unwrap();
        let all = extent.granules();
        let mut starts: Vec<_> = (0..all / 3).map(|_| extent.take(3).unwrap()).collect();
        starts.sort();
        starts.dedup();
        assert_eq!(starts.len(), all / 3);
        assert!(extent.take(3).is_none());
        for start in starts {
            extent.give_back(start.as_ptr() as usize, 3);
        }
        assert!(extent.is_unused());
    }

    #[test]
    fn slots_do_not_overlap_whatever_order_they_are_freed_in() {
        let mut slots: Vec<Slot> = (0..500).map(|n| allocate(n * 7 % 300).unwrap()).collect();
        for round in 0..4usize {
            for (n, slot) in slots.iter_mut().enumerate() {
                slot.as_mut_slice().fill(n as u8);
            }
            for (n, slot) in slots.iter().enumerate() {
                assert!(slot.as_slice().iter().all(|&b| b == n as u8));
            }
            for n in (round..500).step_by(3) {
                free(&mut slots[n]);
                slots[n] = allocate((n * 13 + round) % 400).unwrap();
            }
        }
        slots.iter_mut().for_each(free);
    }
}
