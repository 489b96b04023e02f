//! One mapping of memory that keeps secrets: guarded, undumpable, and, where
//! the kernel allows it, invisible to everybody but this process.

use std::{
    ptr::NonNull,
    sync::atomic::{AtomicBool, AtomicU8, Ordering},
};

/// How well a [`Region`] is protected, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Protection {
    /// `memfd_secret(2)`: taken out of the kernel's own map, so that neither
    /// `/proc/PID/mem`, `process_vm_readv` nor a core dump can read it; never swapped.
    Secret = 0,
    /// `mlock(2)` and `MADV_DONTDUMP`: never swapped, not in a core dump.
    Locked = 1,
    /// `MADV_DONTDUMP` and wiping alone: may meet swap. Only for buffers that
    /// live shorter than a request, and always reported.
    Plain = 2,
}

/// Why a region could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    /// RLIMIT_MEMLOCK leaves no room for it.
    #[error("the limit on locked memory (RLIMIT_MEMLOCK) is reached")]
    LockLimit,
    /// The kernel has no memory or no address space for it.
    #[error("out of memory")]
    OutOfMemory,
}

/// What puts memory of some kind over addresses that are reserved.
type Back = fn(NonNull<u8>, usize) -> bool;

/// Regions from this size on hold one value and may have to [`grow`](Region::grow).
const GROWABLE_MIN_BYTES: usize = 64 << 10;
/// How far they can: a message of the largest size, and what doubling adds.
const GROWABLE_MAX_BYTES: usize = 16 << 20;

/// The weakest protection any region of this process has had to accept, as a [`Protection`].
static WEAKEST: AtomicU8 = AtomicU8::new(Protection::Secret as u8);
/// Set once the kernel has said that it has no `memfd_secret`, so that it is not asked again.
static NO_SECRET_MEMORY: AtomicBool = AtomicBool::new(false);

/// The weakest protection that any secret memory of this process has now or has had.
#[must_use]
pub fn weakest_protection() -> Protection {
    match WEAKEST.load(Ordering::Relaxed) {
        0 => Protection::Secret,
        1 => Protection::Locked,
        _ => Protection::Plain,
    }
}

/// The size of a page of this machine, in bytes.
pub(crate) fn page_bytes() -> usize {
    // SAFETY: sysconf reads a constant and has no precondition.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(4096)
}

/// A mapping between two guard pages. Wiped and unmapped when dropped.
#[derive(Debug)]
pub struct Region {
    base: NonNull<u8>,
    len: usize,
    page: usize,
    protection: Protection,
}

// SAFETY: the mapping belongs to this value alone and is plain memory; nothing
// about it is tied to a thread.
unsafe impl Send for Region {}
// SAFETY: shared access gives out only `&[u8]`; writing needs `&mut self`.
unsafe impl Sync for Region {}

impl Region {
    /// Maps at least `len` zero bytes, a whole number of pages, with the
    /// strongest protection to be had that is no weaker than `weakest`.
    ///
    /// # Errors
    /// [`RegionError::LockLimit`] if only a weaker protection is left,
    /// [`RegionError::OutOfMemory`] if not even the addresses are.
    pub fn map(len: usize, weakest: Protection) -> Result<Self, RegionError> {
        let page = page_bytes();
        let len = len.max(1).next_multiple_of(page);
        let total = len.checked_add(2 * page).ok_or(RegionError::OutOfMemory)?;
        let whole = map_inaccessible(total).ok_or(RegionError::OutOfMemory)?;
        // SAFETY: the reservation has a page before and after these `len` bytes.
        let base = unsafe { whole.add(page) };
        let mut region = Self { base, len, page, protection: Protection::Secret };
        // On an error `region` is dropped, which gives the reservation back.
        region.protection = region.back_with_memory(weakest)?;
        WEAKEST.fetch_max(region.protection as u8, Ordering::Relaxed);
        Ok(region)
    }

    /// Makes the region at least `len` bytes long. Its pages move to new addresses and none
    /// is copied: to have fresh secret pages from the kernel costs more than everything that
    /// is written to them.
    ///
    /// # Errors
    /// [`RegionError::LockLimit`] if the kernel will not lock or back that much; the
    /// region is then as it was.
    pub fn grow(&mut self, len: usize) -> Result<(), RegionError> {
        let len = len.next_multiple_of(self.page).max(self.len);
        let total = len.checked_add(2 * self.page).ok_or(RegionError::OutOfMemory)?;
        if self.protection == Protection::Secret && len > backed_bytes(self.len) {
            return Err(RegionError::LockLimit);
        }
        // Asked first: where mremap(2) fails over the limit, older kernels have unmapped its
        // target by then, and another thread may have mapped something there.
        if !may_lock(len - self.len) {
            return Err(RegionError::LockLimit);
        }
        let whole = map_inaccessible(total).ok_or(RegionError::OutOfMemory)?;
        // SAFETY: the reservation has a page before and after these `len` bytes.
        let base = unsafe { whole.add(self.page) };
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: `&mut self` says that nobody else has a reference into the region,
        // and what is replaced at `base` is the reservation of this very call.
        let moved =
            unsafe { libc::mremap(self.base.as_ptr().cast(), self.len, len, flags, base.as_ptr()) };
        if moved == libc::MAP_FAILED {
            // For the same reason only its guards are given back, which are there in any case.
            for guard in [whole.as_ptr(), base.as_ptr().wrapping_add(len)] {
                // SAFETY: a page of the reservation of this call that mremap(2) did not touch.
                unsafe { libc::munmap(guard.cast(), self.page) };
            }
            return Err(RegionError::LockLimit);
        }
        // Page by page: between them another thread may have mapped something by now.
        for guard in
            [self.base.as_ptr().wrapping_sub(self.page), self.base.as_ptr().wrapping_add(self.len)]
        {
            // SAFETY: the two guard pages of the old reservation, still this value's.
            unsafe { libc::munmap(guard.cast(), self.page) };
        }
        (self.base, self.len) = (base, len);
        Ok(())
    }

    /// Moves what is there out of secret memory, into locked memory where there is room for it:
    /// at the same addresses, so that whoever keeps pointers into it notices nothing. Left as
    /// it is where the kernel has no memory for that.
    ///
    /// # Safety
    /// Nobody reads or writes the region meanwhile.
    pub(super) unsafe fn leave_secret_memory(&mut self) {
        if self.protection != Protection::Secret {
            return;
        }
        for (weaker, back) in
            [(Protection::Locked, map_locked as Back), (Protection::Plain, map_private)]
        {
            // SAFETY: the caller's contract.
            if unsafe { self.move_onto(back) } {
                self.protection = weaker;
                return;
            }
        }
    }

    /// The way back. Where there is no secret memory any more it stays as it is, and
    /// [`weakest_protection`] says so from now on.
    ///
    /// # Safety
    /// As of [`leave_secret_memory`](Self::leave_secret_memory).
    pub(super) unsafe fn enter_secret_memory(&mut self) {
        // SAFETY: the caller's contract.
        if self.protection != Protection::Secret && unsafe { self.move_onto(map_secret) } {
            self.protection = Protection::Secret;
        }
        WEAKEST.fetch_max(self.protection as u8, Ordering::Relaxed);
    }

    /// Puts pages that `back` maps in the place of its own, with the same bytes. Its own are
    /// not wiped: what is moved is no secret, or it could not leave secret memory.
    ///
    /// # Safety
    /// As of [`leave_secret_memory`](Self::leave_secret_memory).
    unsafe fn move_onto(&mut self, back: Back) -> bool {
        let Some(fresh) = map_inaccessible(self.len) else {
            return false;
        };
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: `fresh` is a reservation of this very call, `len` bytes long, that nobody
        // has seen, and `back` has made it writable. Nobody looks at the region meanwhile, so
        // that its bytes are the same before and after mremap(2) replaces its pages.
        let moved = back(fresh, self.len)
            && unsafe {
                fresh.copy_from_nonoverlapping(self.base, self.len);
                let base = self.base.as_ptr().cast();
                libc::mremap(fresh.as_ptr().cast(), self.len, self.len, flags, base) == base
            };
        if !moved {
            // SAFETY: the reservation of this call. If it could be filled, and not moved, the
            // kernel has no room for a mapping's description, and is not asked again.
            unsafe { libc::munmap(fresh.as_ptr().cast(), self.len) };
        }
        moved
    }

    fn back_with_memory(&self, weakest: Protection) -> Result<Protection, RegionError> {
        if map_secret(self.base, self.len) {
            return Ok(Protection::Secret);
        }
        if weakest >= Protection::Locked && map_locked(self.base, self.len) {
            return Ok(Protection::Locked);
        }
        if weakest == Protection::Plain {
            return map_private(self.base, self.len)
                .then_some(Protection::Plain)
                .ok_or(RegionError::OutOfMemory);
        }
        Err(RegionError::LockLimit)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `base` starts `len` readable, initialised (zeroed by the
        // kernel) bytes that live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }

    /// Its bytes, to write.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
    }

    /// The first byte.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// How many bytes, a whole number of pages.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a region is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// How well it is protected.
    #[must_use]
    pub fn protection(&self) -> Protection {
        self.protection
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // Secret pages are cleared by the kernel when freed, others are not.
        if self.protection != Protection::Secret {
            // SAFETY: the region is mapped writable and nobody else can have a
            // reference into it while it is dropped.
            unsafe { libc::explicit_bzero(self.base.as_ptr().cast(), self.len) };
        }
        // SAFETY: the whole reservation, guard pages included, is this value's.
        let whole = unsafe { self.base.as_ptr().sub(self.page) };
        // SAFETY: address and length are those of the reservation in `map`.
        unsafe { libc::munmap(whole.cast(), self.len + 2 * self.page) };
    }
}

fn map_inaccessible(total: usize) -> Option<NonNull<u8>> {
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches
    // nothing that exists.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            total,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    (address != libc::MAP_FAILED).then(|| NonNull::new(address.cast())).flatten()
}

/// Whether the kernel would lock so many bytes more.
fn may_lock(len: usize) -> bool {
    if len == 0 {
        return true;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_LOCKED;
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing that
    // exists, and goes before anybody else knows of it.
    unsafe {
        let address = libc::mmap(std::ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0);
        address != libc::MAP_FAILED && libc::munmap(address, len) == 0
    }
}

/// Maps over `len` bytes of our own reservation.
fn map_over(base: NonNull<u8>, len: usize, flags: libc::c_int, fd: libc::c_int) -> bool {
    // SAFETY: MAP_FIXED replaces only pages of the reservation that the one
    // caller, `Region::map`, has just made and nobody uses yet.
    let address = unsafe {
        libc::mmap(
            base.as_ptr().cast(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_FIXED | flags,
            fd,
            0,
        )
    };
    address != libc::MAP_FAILED
}

fn map_secret(base: NonNull<u8>, len: usize) -> bool {
    if NO_SECRET_MEMORY.load(Ordering::Relaxed) {
        return false;
    }
    let Ok(size) = libc::off_t::try_from(backed_bytes(len)) else {
        return false;
    };
    // O_CLOEXEC because an inherited descriptor could be mapped by the command.
    // SAFETY: the call takes flags alone.
    let fd = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    let Ok(fd) = libc::c_int::try_from(fd) else {
        return false;
    };
    if fd < 0 {
        // Running out of descriptors says nothing about the kernel; any other
        // answer (ENOSYS, EPERM from a filter, EINVAL) stays what it is.
        let transient = matches!(errno(), libc::EMFILE | libc::ENFILE | libc::ENOMEM);
        NO_SECRET_MEMORY.fetch_or(!transient, Ordering::Relaxed);
        return false;
    }
    // SAFETY: `fd` is ours, open, and closed here and nowhere else. The mapping
    // outlives the descriptor, so that nobody can take it with pidfd_getfd.
    let mapped = unsafe {
        let sized = libc::ftruncate(fd, size) == 0;
        let mapped = sized && map_over(base, len, libc::MAP_SHARED, fd);
        libc::close(fd);
        mapped
    };
    // A forked child would share these pages, so it must not have them.
    mapped && advise(base, len, libc::MADV_DONTFORK)
}

/// How long the file behind a secret region of `len` bytes is. It can be sized once and
/// its length costs nothing, so that of a large one leaves room to grow. A limit on the
/// size of files (RLIMIT_FSIZE) counts here too, and going over it is a deadly signal.
fn backed_bytes(len: usize) -> usize {
    if len < GROWABLE_MIN_BYTES || super::kernel::file_size_is_limited() {
        return len;
    }
    len.max(GROWABLE_MAX_BYTES)
}

fn errno() -> libc::c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn map_private(base: NonNull<u8>, len: usize) -> bool {
    map_over(base, len, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)
        && advise(base, len, libc::MADV_DONTFORK)
        && advise(base, len, libc::MADV_DONTDUMP)
}

fn map_locked(base: NonNull<u8>, len: usize) -> bool {
    // SAFETY: `map_private` has just mapped these bytes; memsec::mlock also
    // sets MADV_DONTDUMP, and unlike memsec's own allocator we look at its answer.
    map_private(base, len) && unsafe { memsec::mlock(base.as_ptr(), len) }
}

fn advise(base: NonNull<u8>, len: usize, advice: libc::c_int) -> bool {
    // SAFETY: both advices used here change what fork and core dumps do with
    // our own pages, never their contents.
    unsafe { libc::madvise(base.as_ptr().cast(), len, advice) == 0 }
}
