//! The heaps of SQLite and OpenSSL, moved into memory of our own.
//!
//! SQLCipher keeps the vault key on its heap while a database is open, hidden by
//! nothing but a mask on the same heap, and leaves pages with the names of keys
//! there after it is closed. In an arena like that of the values none of it can
//! be read from outside, and each block is wiped when it is freed.

use std::{
    ffi::{c_char, c_int, c_void},
    ptr,
};

use super::arena::{self, Shelf};

/// In front of each block: its size. The arena's values start 8 bytes behind a
/// multiple of 16, so that what follows is aligned to 16, as malloc's are.
const HEADER_BYTES: usize = size_of::<usize>();

/// Neither library may have been used when it is given another heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the libraries' heaps can't be moved into secret memory")]
pub struct TooLate;

/// Gives SQLite and OpenSSL their heap here. Once, before either is used.
///
/// # Errors
/// [`TooLate`] if one of them has allocated already.
pub fn move_library_heaps() -> Result<(), TooLate> {
    unsafe extern "C" {
        fn CRYPTO_set_mem_functions(
            malloc: extern "C" fn(usize, *const c_char, c_int) -> *mut c_void,
            realloc: extern "C" fn(*mut c_void, usize, *const c_char, c_int) -> *mut c_void,
            free: extern "C" fn(*mut c_void, *const c_char, c_int),
        ) -> c_int;
    }
    let methods = rusqlite::ffi::sqlite3_mem_methods {
        xMalloc: Some(sqlite_malloc),
        xFree: Some(sqlite_free),
        xRealloc: Some(sqlite_realloc),
        xSize: Some(sqlite_size),
        xRoundup: Some(sqlite_roundup),
        xInit: Some(sqlite_init),
        xShutdown: Some(sqlite_shutdown),
        pAppData: ptr::null_mut(),
    };
    // SAFETY: both take functions that live for ever and keep malloc's contract;
    // SQLite copies the struct. Neither has been initialised: the caller is the
    // daemon's start, before any thread, and both refuse otherwise.
    let moved = unsafe {
        let sqlite =
            rusqlite::ffi::sqlite3_config(rusqlite::ffi::SQLITE_CONFIG_MALLOC, &raw const methods);
        let openssl = CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free);
        sqlite == rusqlite::ffi::SQLITE_OK && openssl == 1
    };
    if moved { Ok(()) } else { Err(TooLate) }
}

fn allocate(size: usize) -> *mut c_void {
    let Some(total) = size.checked_add(HEADER_BYTES) else { return ptr::null_mut() };
    let Ok(block) = arena::allocate_raw(Shelf::Libraries, total) else { return ptr::null_mut() };
    // SAFETY: the block has room for the header and `size` bytes; its start is
    // 8-aligned, as a usize wants.
    unsafe {
        block.cast::<usize>().write(size);
        block.add(HEADER_BYTES).as_ptr().cast()
    }
}

/// # Safety
/// `block` came from [`allocate`] and was not released.
unsafe fn size_of_block(block: *mut c_void) -> usize {
    // SAFETY: `allocate` has written the size there.
    unsafe { block.byte_sub(HEADER_BYTES).cast::<usize>().read() }
}

/// # Safety
/// `block` came from [`allocate`] and was not released.
unsafe fn release(block: *mut c_void) {
    // SAFETY: by the caller's contract this is the start of an arena's block
    // with this many bytes, which nobody uses any more.
    unsafe {
        let total = size_of_block(block) + HEADER_BYTES;
        let start = ptr::NonNull::new_unchecked(block.byte_sub(HEADER_BYTES).cast());
        arena::free_raw(Shelf::Libraries, start, total);
    }
}

/// # Safety
/// `block` came from [`allocate`] and was not released.
unsafe fn reallocate(block: *mut c_void, size: usize) -> *mut c_void {
    let moved = allocate(size);
    if !moved.is_null() {
        // SAFETY: both blocks hold at least the bytes that are kept, and a fresh
        // block overlaps no live one.
        unsafe {
            let kept = size_of_block(block).min(size);
            ptr::copy_nonoverlapping(block.cast::<u8>(), moved.cast(), kept);
            release(block);
        }
    }
    moved
}

unsafe extern "C" fn sqlite_malloc(size: c_int) -> *mut c_void {
    usize::try_from(size).map_or(ptr::null_mut(), allocate)
}

unsafe extern "C" fn sqlite_free(block: *mut c_void) {
    if !block.is_null() {
        // SAFETY: SQLite frees what it got from here, once.
        unsafe { release(block) }
    }
}

unsafe extern "C" fn sqlite_realloc(block: *mut c_void, size: c_int) -> *mut c_void {
    // SAFETY: SQLite passes a live block and a size that xRoundup has seen.
    usize::try_from(size).map_or(ptr::null_mut(), |size| unsafe { reallocate(block, size) })
}

unsafe extern "C" fn sqlite_size(block: *mut c_void) -> c_int {
    if block.is_null() {
        return 0;
    }
    // SAFETY: SQLite asks about live blocks of its own.
    c_int::try_from(unsafe { size_of_block(block) }).unwrap_or(c_int::MAX)
}

unsafe extern "C" fn sqlite_roundup(size: c_int) -> c_int {
    size.checked_add(7).map_or(size, |size| size & !7)
}

unsafe extern "C" fn sqlite_init(_: *mut c_void) -> c_int {
    rusqlite::ffi::SQLITE_OK
}

unsafe extern "C" fn sqlite_shutdown(_: *mut c_void) {}

extern "C" fn openssl_malloc(size: usize, _: *const c_char, _: c_int) -> *mut c_void {
    if size == 0 { ptr::null_mut() } else { allocate(size) }
}

extern "C" fn openssl_realloc(
    block: *mut c_void,
    size: usize,
    file: *const c_char,
    line: c_int,
) -> *mut c_void {
    if block.is_null() {
        return openssl_malloc(size, file, line);
    }
    if size == 0 {
        openssl_free(block, file, line);
        return ptr::null_mut();
    }
    // SAFETY: OpenSSL passes a live block that it got from here.
    unsafe { reallocate(block, size) }
}

extern "C" fn openssl_free(block: *mut c_void, _: *const c_char, _: c_int) {
    if !block.is_null() {
        // SAFETY: OpenSSL frees what it got from here, once.
        unsafe { release(block) }
    }
}
