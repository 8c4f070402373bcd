//! The stack on which a thread's fault handlers run.
//!
//! ```text
//! | guard page | signal stack ... |
//!              ^ ss_sp            ^ first frame
//! ```
//!
//! A guest's stack may be exhausted or gone when it faults, so handlers have a stack of their own, one per thread.

use super::mmap::{Reservation, page_size};
use std::cell::{Cell, OnceCell};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Enough for the largest register file that the kernel saves, and for handlers of others that ours calls.
const STACK_SIZE: usize = 64 << 10;

thread_local! {
    /// Whether this thread is known to have a large enough signal stack.
    static READY: Cell<bool> = const { Cell::new(false) };
    /// The stack, if this thread needed one of ours.
    static STACK: OnceCell<SignalStack> = const { OnceCell::new() };
}

/// Makes sure that this thread has a signal stack of at least 64 KiB. After the first call on a thread it only reads a
/// thread-local flag.
///
/// # Errors
///
/// The system has no memory left, or the thread is already past its thread-local destructors.
#[inline]
pub(crate) fn ensure_signal_stack() -> io::Result<()> {
    if is_ready() { Ok(()) } else { prepare() }
}

/// Not inlined, so that no caller keeps the flag's address across a fiber's move to another thread.
#[inline(never)]
fn is_ready() -> bool {
    READY.with(Cell::get)
}

#[cold]
#[inline(never)]
fn prepare() -> io::Result<()> {
    let current = current()?;
    if current.ss_flags & libc::SS_DISABLE == 0 && current.ss_size >= STACK_SIZE {
        READY.with(|ready| ready.set(true));
        return Ok(());
    }
    STACK
        .try_with(|stack| {
            if stack.get().is_none() {
                let new = SignalStack::install()?;
                let unset = stack.set(new);
                debug_assert!(unset.is_ok(), "only this thread sets its own cell");
            }
            READY.with(|ready| ready.set(true));
            Ok(())
        })
        .unwrap_or_else(|_| {
            Err(io::Error::other(
                "cannot prepare a signal stack: the thread is exiting",
            ))
        })
}

/// The signal stack that this thread has now.
fn current() -> io::Result<libc::stack_t> {
    let mut current = MaybeUninit::uninit();
    // SAFETY: the call only writes the current setting to the place it is given.
    if unsafe { libc::sigaltstack(ptr::null(), current.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so it has written the whole structure.
    Ok(unsafe { current.assume_init() })
}

/// A signal stack that is in use by the thread that owns this.
#[derive(Debug)]
struct SignalStack {
    memory: Reservation,
}

impl SignalStack {
    fn install() -> io::Result<Self> {
        let guard = page_size();
        let memory = Reservation::new(guard + STACK_SIZE)?;
        memory.make_accessible(guard..memory.len())?;
        let stack = libc::stack_t {
            ss_sp: memory.base().wrapping_add(guard).cast(),
            ss_flags: 0,
            ss_size: memory.len() - guard,
        };
        // SAFETY: the memory is accessible and stays so until `drop`, which first takes it out of use.
        if unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(SignalStack { memory })
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        READY.with(|ready| ready.set(false));
        let ours = |stack: &libc::stack_t| self.memory.addresses().contains(&stack.ss_sp.addr());
        if current().is_ok_and(|stack| ours(&stack)) {
            let none = libc::stack_t {
                ss_sp: ptr::null_mut(),
                ss_flags: libc::SS_DISABLE,
                ss_size: STACK_SIZE,
            };
            // SAFETY: taking a signal stack out of use touches no memory.
            let disabled = unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) };
            debug_assert_eq!(disabled, 0, "{}", io::Error::last_os_error());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{STACK_SIZE, current, ensure_signal_stack, is_ready};

    #[test]
    fn a_thread_gets_one_large_stack_and_keeps_it() {
        std::thread::spawn(|| {
            assert!(!is_ready());
            ensure_signal_stack().unwrap();
            let first = current().unwrap();
            assert!(is_ready() && first.ss_size >= STACK_SIZE);
            assert_eq!(first.ss_flags & libc::SS_DISABLE, 0);
            ensure_signal_stack().unwrap();
            assert_eq!(current().unwrap().ss_sp, first.ss_sp);
        })
        .join()
        .unwrap();
    }
}
