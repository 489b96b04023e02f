//! A heap that keeps nothing: every block is wiped before it goes back.
//!
//! Our own secrets never touch this heap. It is here for the copies that
//! libraries make (a TOML parser, Argon2's scratch, a CBOR decoder): once freed,
//! such a block would keep its bytes until somebody happened to reuse it.

use std::alloc::{GlobalAlloc, Layout, System};

/// The system allocator, with each block wiped when it is freed or moved.
#[derive(Debug, Clone, Copy, Default)]
pub struct WipingAllocator;

/// From this size on, a block is a mapping of its own and goes back to the kernel when freed.
const LARGE_BLOCK_BYTES: libc::c_int = 256 << 10;

/// Keeps glibc from holding on to large blocks. Left to itself it moves the size from which
/// blocks are mapped up to the largest that was ever freed, 32 MiB at most, and then keeps
/// that much in the arena of each thread: a daemon that reads a file of its audit trail at
/// each unlocking would come to hold tens of MiB.
pub fn give_large_blocks_back() {
    // SAFETY: plain integers, before any other thread allocates (mallopt(3)).
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
    }
}

fn wipe(block: *mut u8, len: usize) {
    // SAFETY: the caller owns `len` writable bytes at `block`, as GlobalAlloc's
    // contract gives them to it. explicit_bzero is not elided as a dead store
    // in front of `free`, which a plain memset would be.
    unsafe { libc::explicit_bzero(block.cast(), len) }
}

// SAFETY: every method hands its arguments unchanged to `System`, which keeps
// GlobalAlloc's contract; wiping writes only inside the block being given back.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps GlobalAlloc's contract, which is System's too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        wipe(block, layout.size());
        // SAFETY: the block came from `System` with this very layout.
        unsafe { System.dealloc(block, layout) }
    }

    /// Never grows in place by `realloc`: libc may move a block, and would leave
    /// the old one behind unwiped.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `new_size`, rounded up to this
        // alignment, does not overflow isize.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: `new_size` is not zero by the caller's contract.
        let moved = unsafe { System.alloc(new_layout) };
        if !moved.is_null() {
            let kept = layout.size().min(new_size);
            // SAFETY: both blocks hold at least `kept` bytes, and a fresh
            // allocation can't overlap a live one.
            unsafe { std::ptr::copy_nonoverlapping(block, moved, kept) };
            wipe(block, layout.size());
            // SAFETY: as in `dealloc`.
            unsafe { System.dealloc(block, layout) };
        }
        moved
    }
}
