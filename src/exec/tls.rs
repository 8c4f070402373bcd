//! What a thread knows of the wasm it runs: one small cell.
//!
//! Fibers move between threads, so nobody may keep an address of a thread-local over a call that may suspend: the
//! accessors are never inlined, and the cell's content is swapped on every fiber resume and suspend.

use super::ExecCore;
use std::cell::Cell;
use std::ptr;

/// The innermost store that runs wasm on this thread, and how deep wasm may go on the current stack.
#[derive(Copy, Clone)]
pub(super) struct ThreadState {
    pub(super) exec: *mut ExecCore,
    /// Zero while no wasm was entered on the current stack.
    pub(super) stack_limit: usize,
}

impl ThreadState {
    pub(super) const EMPTY: ThreadState = ThreadState {
        exec: ptr::null_mut(),
        stack_limit: 0,
    };
}

thread_local! {
    static STATE: Cell<ThreadState> = const { Cell::new(ThreadState::EMPTY) };
}

#[inline(never)]
pub(super) fn get() -> ThreadState {
    STATE.with(Cell::get)
}

/// Enters wasm of this store; what was there before. A stack on which no wasm was entered gets `fresh_limit`.
#[inline(never)]
pub(super) fn enter(exec: *mut ExecCore, fresh_limit: usize) -> ThreadState {
    STATE.with(|cell| {
        let before = cell.get();
        let stack_limit = match before.stack_limit {
            0 => fresh_limit,
            limit => limit,
        };
        cell.set(ThreadState { exec, stack_limit });
        before
    })
}

#[inline(never)]
pub(super) fn replace(state: ThreadState) -> ThreadState {
    STATE.with(|cell| cell.replace(state))
}
