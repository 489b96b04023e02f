//! A stack for cryptography: locked, guarded, and wiped after each use.
//!
//! Ciphers and curves leave round keys, scalars and state on the stack, dozens
//! of copies, whatever they wipe of their own. In the daemon, which lives long,
//! they run on a stack of secret memory instead of the thread's. The launcher
//! lives for a millisecond; it wipes its one stack before `execve`.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicBool, Ordering},
};

use super::region::{Protection, Region};

/// Twice what the primitives used here take at most (14,840 bytes, measured in the release
/// build; a signal's frame would come on top), and room for the unoptimised frames of a debug
/// build. Below it lies a guard page: one that went deeper would end the daemon, and nothing
/// else. All of it is wiped after each use, a dozen times in a run, so that it is no larger
/// than it must be: what the processor's first cache holds costs half of what it does not.
const STACK_BYTES: usize = if cfg!(debug_assertions) { 256 << 10 } else { 32 << 10 };
/// Zeros left above the start of the stack. What walks the stack, such as a backtrace, takes
/// them for its end; without them it would read on into the guard page.
const HEADROOM_BYTES: usize = 4 << 10;
/// How far down [`wipe_below`] clears: further than any call before `execve` has reached.
const WIPED_BYTES: usize = 64 << 10;
/// How much of that one frame clears.
const WIPED_STEP_BYTES: usize = 2 << 10;
/// The smallest page of any machine.
const PAGE_MIN_BYTES: usize = 4 << 10;

static ENABLED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static STACK: RefCell<Option<Region>> = const { RefCell::new(None) };
    static IN_USE: Cell<bool> = const { Cell::new(false) };
}

/// From now on [`with_secret_stack`] switches stacks, on every thread.
pub fn enable_secret_stack() {
    ENABLED.store(true, Ordering::Relaxed);
}

/// Gives up this thread's secret stack, until it needs one again.
pub(super) fn give_up() {
    STACK.with_borrow_mut(|stack| *stack = None);
}

/// Runs `work` on the secret stack and wipes it; where it is not enabled, or
/// already in use by this thread, just runs it.
///
/// What `work` returns passes through the caller's frame, so it must not be a
/// secret: those go into [`SecureBytes`](crate::secret::SecureBytes).
#[inline(never)]
pub fn with_secret_stack<T>(work: impl FnOnce() -> T) -> T {
    if !ENABLED.load(Ordering::Relaxed) || IN_USE.get() {
        return work();
    }
    // Plain, because locked memory may be used up by values, which need it more.
    let mapped = || Region::map(STACK_BYTES, Protection::Plain).ok();
    let Some(mut region) = STACK.take().or_else(mapped) else { return work() };
    IN_USE.set(true);
    let outcome = call_on(&mut region, work);
    IN_USE.set(false);
    super::arena::wipe(region.as_mut_slice());
    STACK.set(Some(region));
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Wipes what calls before this one have left on the stack, below the caller's frame.
///
/// Pages that nobody has used yet are left out: asking for each of them costs more than
/// all the rest of the wiping.
#[inline(never)]
pub fn wipe_below() {
    let page = super::region::page_bytes();
    let mut here = 0u8;
    let top = (&raw mut here as usize) & !(page - 1);
    let lowest = top.saturating_sub(WIPED_BYTES);
    let mut resident = [1u8; WIPED_BYTES / PAGE_MIN_BYTES];
    // SAFETY: the vector has a byte for each page of the range. Where part of the range
    // is not mapped the call fails, and every page counts as used.
    let known = unsafe { libc::mincore(lowest as *mut _, top - lowest, resident.as_mut_ptr()) };
    let unused = resident.iter().take_while(|page| known == 0 && **page & 1 == 0).count();
    wipe_down_to(lowest + unused * page);
}

/// Wipes from this frame down to `lowest`: by frames of its own, since nothing below the
/// stack pointer may be written to.
#[inline(never)]
fn wipe_down_to(lowest: usize) {
    let mut below = [0u8; WIPED_STEP_BYTES];
    super::arena::wipe(&mut below);
    if (&raw const below as usize) > lowest {
        wipe_down_to(lowest);
    }
    // The compiler must believe that somebody reads it, after the call, or it would
    // make a loop of it that wipes one frame again and again.
    std::hint::black_box(&below);
}

/// Runs `work` on `region`. A panic is caught there: unwinding can't cross the switch.
#[cfg(target_arch = "x86_64")]
fn call_on<T>(region: &mut Region, work: impl FnOnce() -> T) -> std::thread::Result<T> {
    let mut slot = (Some(work), None);
    let data: *mut (Option<_>, Option<std::thread::Result<T>>) = &raw mut slot;
    let top = top_of(region);
    // SAFETY: below `top` lies a writable region of this thread's; it is
    // page-aligned and so 16-aligned, as the ABI wants at a call. r12 is callee-saved, so it
    // holds the old stack across the call. `trampoline` never unwinds, and gets
    // the `data` that it is instantiated for, which outlives the call.
    unsafe {
        std::arch::asm!(
            "mov r12, rsp",
            "mov rsp, {top}",
            "call {trampoline}",
            "mov rsp, r12",
            top = in(reg) top,
            trampoline = in(reg) trampoline_for(&raw mut slot),
            in("rdi") data,
            out("r12") _,
            clobber_abi("C"),
        );
    }
    finish(slot.1)
}

/// Runs `work` on `region`. A panic is caught there: unwinding can't cross the switch.
#[cfg(target_arch = "aarch64")]
fn call_on<T>(region: &mut Region, work: impl FnOnce() -> T) -> std::thread::Result<T> {
    let mut slot = (Some(work), None);
    let data: *mut (Option<_>, Option<std::thread::Result<T>>) = &raw mut slot;
    let top = top_of(region);
    // SAFETY: as on x86-64; x20 is callee-saved.
    unsafe {
        std::arch::asm!(
            "mov x20, sp",
            "mov sp, {top}",
            "blr {trampoline}",
            "mov sp, x20",
            top = in(reg) top,
            trampoline = in(reg) trampoline_for(&raw mut slot),
            in("x0") data,
            out("x20") _,
            clobber_abi("C"),
        );
    }
    finish(slot.1)
}

/// Elsewhere the thread's own stack is used, and wiped below this frame.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn call_on<T>(_: &mut Region, work: impl FnOnce() -> T) -> std::thread::Result<T> {
    let outcome = catch_unwind(AssertUnwindSafe(work));
    wipe_below();
    outcome
}

/// Where the stack begins.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn top_of(region: &mut Region) -> *mut u8 {
    let usable = region.len() - HEADROOM_BYTES;
    region.as_mut_slice()[..usable].as_mut_ptr_range().end
}

type Slot<F, T> = (Option<F>, Option<std::thread::Result<T>>);

/// The trampoline for a slot of this type.
fn trampoline_for<F: FnOnce() -> T, T>(_: *mut Slot<F, T>) -> extern "C" fn(*mut Slot<F, T>) {
    trampoline::<F, T>
}

extern "C" fn trampoline<F: FnOnce() -> T, T>(slot: *mut Slot<F, T>) {
    // SAFETY: `call_on` passes a pointer to its live slot, which nobody else
    // touches until this returns.
    let (work, outcome) = unsafe { &mut *slot };
    if let Some(work) = work.take() {
        *outcome = Some(catch_unwind(AssertUnwindSafe(work)));
    }
}

fn finish<T>(outcome: Option<std::thread::Result<T>>) -> std::thread::Result<T> {
    outcome.unwrap_or_else(|| Err(Box::new("the secret stack ran nothing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_the_secret_stack_and_leaves_nothing_there() {
        enable_secret_stack();
        let address = with_secret_stack(|| {
            let local = [0xC3u8; 4096];
            std::hint::black_box(&local).as_ptr() as usize
        });
        STACK.with_borrow(|stack| {
            let region = stack.as_ref().unwrap();
            let range = region.as_slice().as_ptr_range();
            assert!((range.start as usize..range.end as usize).contains(&address));
            assert!(region.as_slice().iter().all(|&byte| byte == 0));
        });
    }

    #[test]
    fn nested_work_and_results_pass_through() {
        enable_secret_stack();
        let sum: u64 = with_secret_stack(|| 40 + with_secret_stack(|| 2));
        assert_eq!(sum, 42);
    }

    #[test]
    fn a_panic_on_the_secret_stack_arrives_at_the_caller_and_the_stack_still_serves() {
        enable_secret_stack();
        let caught = catch_unwind(|| with_secret_stack(|| panic!("on purpose")));
        assert!(caught.is_err());
        assert_eq!(with_secret_stack(|| 7), 7);
    }
}
