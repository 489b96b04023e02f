//! Arenas of locked memory: one for all of [`SecureBytes`](crate::secret::SecureBytes), one
//! for the heaps of SQLite and OpenSSL.
//!
//! RLIMIT_MEMLOCK counts pages, and a mapping for each value would spend five of
//! them on 32 bytes. So values are packed: an arena is made of *extents*. Each is one
//! guarded [`Region`], cut into granules of 16 bytes, with a bitmap on the ordinary
//! heap that says which are taken. A value's *slot* is
//!
//! ```text
//! | canary, 8 bytes | the value | canary, 8 bytes | unused, < 16 bytes |
//! ```
//!
//! A value over [`LARGE_BYTES`] gets a region of its own and ends at the guard page.

use std::{
    ptr::NonNull,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use super::{
    region::{Protection, Region, RegionError},
    spare,
};

const GRANULE_BYTES: usize = 16;
const CANARY_BYTES: usize = 8;
/// The launcher needs no more than this; the daemon's extents double from here.
const FIRST_EXTENT_BYTES: usize = 32 << 10;
const MAX_EXTENT_BYTES: usize = 1 << 20;
/// A longer value has a region of its own.
const LARGE_BYTES: usize = 64 << 10;

/// A value's place, which is wiped and given back when it is dropped.
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
        // SAFETY: `len` bytes from `value` belong to this slot until it is dropped,
        // and are initialised: zero when mapped and after each wipe.
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
    /// No run of this many free granules was found since granules were last given back.
    /// Requests for as many fail without another search: an extent that is full but for
    /// small holes would else be searched in vain each time.
    too_many: usize,
}

struct Arena {
    extents: Vec<Extent>,
    canary: u64,
    /// The weakest protection that an extent may have.
    weakest: Protection,
}

/// What an arena holds. Values never share one with what libraries allocate:
/// where locked memory is short, it is the values that need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shelf {
    /// Values and keys: never weaker than [`Protection::Locked`].
    Values,
    /// The heaps of SQLite and OpenSSL: [`Protection::Plain`] where it must be.
    Libraries,
}

fn arena(shelf: Shelf) -> MutexGuard<'static, Arena> {
    static VALUES: OnceLock<Mutex<Arena>> = OnceLock::new();
    static LIBRARIES: OnceLock<Mutex<Arena>> = OnceLock::new();
    let (arena, weakest) = match shelf {
        Shelf::Values => (&VALUES, Protection::Locked),
        Shelf::Libraries => (&LIBRARIES, Protection::Plain),
    };
    let arena = arena.get_or_init(|| {
        let mut canary = [0; CANARY_BYTES];
        // A canary need not be secret from this process, only unlikely; should
        // the kernel have no randomness, a constant still catches overruns.
        let _ = super::random::fill(&mut canary);
        let canary = u64::from_ne_bytes(canary) | 1;
        Mutex::new(Arena { extents: Vec::new(), canary, weakest })
    });
    arena.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `len` zero bytes in the arena.
///
/// # Errors
/// [`RegionError`] if no memory of at least [`Protection::Locked`] is left.
pub(crate) fn allocate(len: usize) -> Result<Slot, RegionError> {
    if len > LARGE_BYTES {
        return allocate_large(len);
    }
    let value = allocate_raw(Shelf::Values, len)?;
    Ok(Slot { value, len, own: None })
}

/// `len` zero bytes between canaries, at an address that is 8 more than a multiple of 16.
/// Given back by [`free_raw`].
///
/// # Errors
/// [`RegionError`] if no memory that is good enough for this shelf is left.
pub(crate) fn allocate_raw(shelf: Shelf, len: usize) -> Result<NonNull<u8>, RegionError> {
    let mut arena = arena(shelf);
    let start = arena.take(granules_for(len))?;
    // SAFETY: `take` gave us granules that hold both canaries and the value.
    let value = unsafe { start.add(CANARY_BYTES) };
    let canary = arena.canary.to_ne_bytes();
    // SAFETY: as above; neither place is aligned in general.
    unsafe {
        start.as_ptr().copy_from_nonoverlapping(canary.as_ptr(), CANARY_BYTES);
        value.as_ptr().add(len).copy_from_nonoverlapping(canary.as_ptr(), CANARY_BYTES);
    }
    Ok(value)
}

fn granules_for(len: usize) -> usize {
    (len + 2 * CANARY_BYTES).div_ceil(GRANULE_BYTES)
}

fn allocate_large(len: usize) -> Result<Slot, RegionError> {
    let region = spare::take_or_map(len + CANARY_BYTES)?;
    // SAFETY: the region has at least `len + CANARY_BYTES` bytes. The value ends
    // where it ends, so that one byte too many meets the guard page.
    let value = unsafe { region.base().add(region.len() - len) };
    let canary = arena(Shelf::Values).canary.to_ne_bytes();
    // SAFETY: the 8 bytes before the value are the region's too.
    unsafe {
        let before = value.as_ptr().sub(CANARY_BYTES);
        before.copy_from_nonoverlapping(canary.as_ptr(), CANARY_BYTES);
    }
    Ok(Slot { value, len, own: Some(region) })
}

/// Makes a large value longer where it is, by `more` bytes at least. False if it is not
/// a large one or can't grow: the caller then moves it to a new place.
pub(crate) fn grow(slot: &mut Slot, more: usize) -> bool {
    let Some(region) = &mut slot.own else {
        return false;
    };
    let Some(wanted) = region.len().checked_add(more) else {
        return false;
    };
    let before = region.len() - slot.len;
    if region.grow(wanted).is_err() {
        return false;
    }
    // It still ends where the guard page begins, and what precedes it moved along.
    slot.len = region.len() - before;
    // SAFETY: `before` is at most the region's length.
    slot.value = unsafe { region.base().add(before) };
    true
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(region) = self.own.take() else {
            // SAFETY: a slot without a region came from `allocate_raw` with this length,
            // and this is its one owner's end.
            return unsafe { free_raw(Shelf::Values, self.value, self.len) };
        };
        let canary = arena(Shelf::Values).canary;
        // SAFETY: the 8 bytes before the value belong to the region, still mapped.
        check_canary(unsafe { self.value.sub(CANARY_BYTES) }, canary);
        spare::keep(region);
    }
}

/// Wipes a block and gives it back.
///
/// # Safety
/// `value` came from [`allocate_raw`] with this shelf and length, and nobody
/// uses it any more.
pub(crate) unsafe fn free_raw(shelf: Shelf, value: NonNull<u8>, len: usize) {
    let mut arena = arena(shelf);
    // SAFETY: both canaries lie inside the granules that the block was given,
    // and by the caller's contract nobody else uses any of them.
    let start = unsafe {
        let (before, after) = (value.sub(CANARY_BYTES), value.add(len));
        check_canary(before, arena.canary);
        check_canary(after, arena.canary);
        libc::explicit_bzero(before.as_ptr().cast(), len + 2 * CANARY_BYTES);
        before
    };
    arena.give_back(start.as_ptr() as usize, granules_for(len));
}

/// A damaged canary ends the process: something wrote outside its buffer, and
/// nothing that this process does can be trusted now.
fn check_canary(at: NonNull<u8>, canary: u64) {
    let bytes = canary.to_ne_bytes();
    // SAFETY: the callers pass the place of a canary, 8 readable bytes.
    if !unsafe { memsec::memeq(at.as_ptr(), bytes.as_ptr(), CANARY_BYTES) } {
        super::process::die("secret memory was overrun");
    }
}

/// Constant-time comparison of two byte strings; their lengths are no secret.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    // SAFETY: both pointers have `a.len()` readable bytes, the lengths being equal.
    a.len() == b.len() && unsafe { memsec::memeq(a.as_ptr(), b.as_ptr(), a.len()) }
}

/// Wipes `bytes` so that no optimiser can leave it out.
pub(crate) fn wipe(bytes: &mut [u8]) {
    // SAFETY: an exclusive slice is writable for its whole length. As fast as
    // memset, where memsec's own goes byte by byte.
    unsafe { libc::explicit_bzero(bytes.as_mut_ptr().cast(), bytes.len()) }
}

impl Arena {
    fn take(&mut self, granules: usize) -> Result<NonNull<u8>, RegionError> {
        // The oldest extents are filled first, so that the newest, which are the largest, fall
        // empty and go when there is less to hold.
        if let Some(start) = self.extents.iter_mut().find_map(|e| e.take(granules)) {
            return Ok(start);
        }
        let grown = self.extents.iter().map(|e| e.region.len() * 2).max();
        let wished = grown.unwrap_or(FIRST_EXTENT_BYTES).min(MAX_EXTENT_BYTES);
        let needed = granules * GRANULE_BYTES;
        let mut extent = Extent::map(wished.max(needed), needed, self.weakest)?;
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
            self.extents.remove(at);
        }
    }
}

/// Gives the kernel the extents of values that hold none.
pub(super) fn give_up_unused() {
    arena(Shelf::Values).extents.retain(|extent| !extent.is_unused());
}

/// Every region that holds what libraries have allocated.
pub(super) fn each_region_of_libraries(mut change: impl FnMut(&mut Region)) {
    let mut arena = arena(Shelf::Libraries);
    arena.extents.retain(|extent| !extent.is_unused());
    arena.extents.iter_mut().for_each(|extent| change(&mut extent.region));
}

impl Extent {
    /// Maps `wished` bytes or, near the limit, half and half again, down to `needed`.
    fn map(mut wished: usize, needed: usize, weakest: Protection) -> Result<Self, RegionError> {
        loop {
            match spare::map(wished, Protection::Locked) {
                Ok(region) => return Ok(Self::over(region)),
                Err(_) if wished / 2 < needed => break,
                Err(_) => wished /= 2,
            }
        }
        spare::map(wished, weakest).map(Self::over)
    }

    fn over(region: Region) -> Self {
        let granules_free = region.len() / GRANULE_BYTES;
        Self {
            taken: vec![0; granules_free.div_ceil(64)],
            granules_free,
            next: 0,
            too_many: usize::MAX,
            region,
        }
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
        if granules > self.granules_free || granules >= self.too_many {
            return None;
        }
        let found = self.run_of_free(self.next, granules);
        let Some(at) = found.or_else(|| self.run_of_free(0, granules)) else {
            self.too_many = granules;
            return None;
        };
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
        self.too_many = usize::MAX;
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

    fn mark(&mut self, mut at: usize, granules: usize, taken: bool) {
        let end = at + granules;
        while at < end {
            let bits = (64 - at % 64).min(end - at);
            let mask = (u64::MAX >> (64 - bits)) << (at % 64);
            let word = &mut self.taken[at / 64];
            *word = if taken { *word | mask } else { *word & !mask };
            at += bits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_slot_is_zero_when_it_is_taken_again() {
        let mut extent = Extent::map(FIRST_EXTENT_BYTES, 64, Protection::Locked).unwrap();
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
        let mut extent = Extent::map(FIRST_EXTENT_BYTES, 64, Protection::Locked).unwrap();
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
                slots[n] = allocate((n * 13 + round) % 400).unwrap();
            }
        }
    }
}
