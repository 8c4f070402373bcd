//! The interface by which gdb and lldb learn of code made at run time: a list of object files in memory, and a function
//! that does nothing, in which the debugger has put a breakpoint.

use std::ptr;
use std::sync::{Mutex, PoisonError};

/// One object file, as the debugger reads it.
#[repr(C)]
struct Entry {
    next: *mut Entry,
    previous: *mut Entry,
    file: *const u8,
    len: u64,
}

/// The head of the list.
#[repr(C)]
struct Descriptor {
    version: u32,
    /// What has happened: 1 that `relevant` was added, 2 that it is about to go.
    action: u32,
    relevant: *mut Entry,
    first: *mut Entry,
}

const ADDED: u32 = 1;
const REMOVED: u32 = 2;

// Weak, because a process has one pair of these: another runtime in it may define them as well.
std::arch::global_asm!(
    ".pushsection .text.__jit_debug_register_code,\"ax\",@progbits",
    ".weak __jit_debug_register_code",
    ".type __jit_debug_register_code,@function",
    "__jit_debug_register_code:",
    "ret",
    ".size __jit_debug_register_code, . - __jit_debug_register_code",
    ".popsection",
    ".pushsection .data.__jit_debug_descriptor,\"aw\",@progbits",
    ".balign 8",
    ".weak __jit_debug_descriptor",
    ".type __jit_debug_descriptor,@object",
    "__jit_debug_descriptor:",
    ".long 1",
    ".long 0",
    ".quad 0",
    ".quad 0",
    ".size __jit_debug_descriptor, . - __jit_debug_descriptor",
    ".popsection",
);

unsafe extern "C" {
    fn __jit_debug_register_code();
    static mut __jit_debug_descriptor: Descriptor;
}

/// Whoever holds it may change the list.
static LOCK: Mutex<()> = Mutex::new(());

/// An object file that debuggers know of.
#[derive(Debug)]
pub(crate) struct DebuggerFile {
    entry: *mut Entry,
    /// What the entry points at.
    _file: Box<[u8]>,
}

// SAFETY: the entry is this value's own, and the list that it is part of is changed under a lock only.
unsafe impl Send for DebuggerFile {}
// SAFETY: as above; shared, there is nothing to be done with it.
unsafe impl Sync for DebuggerFile {}

impl DebuggerFile {
    /// Tells a debugger, if there is one.
    pub(crate) fn announce(file: Box<[u8]>) -> DebuggerFile {
        let entry = Box::into_raw(Box::new(Entry {
            next: ptr::null_mut(),
            previous: ptr::null_mut(),
            file: file.as_ptr(),
            len: file.len() as u64,
        }));
        let _lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the lock is held, so the list is ours; its entries are those of files that have not been dropped. The
        // function only returns.
        unsafe {
            let list = &raw mut __jit_debug_descriptor;
            (*entry).next = (*list).first;
            if let Some(next) = (*entry).next.as_mut() {
                next.previous = entry;
            }
            (*list).first = entry;
            (*list).relevant = entry;
            (*list).action = ADDED;
            __jit_debug_register_code();
        }
        DebuggerFile { entry, _file: file }
    }
}

impl Drop for DebuggerFile {
    fn drop(&mut self) {
        let _lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: as in `announce`; the entry is in the list until here, and was made from a box.
        unsafe {
            let list = &raw mut __jit_debug_descriptor;
            let Entry { next, previous, .. } = *self.entry;
            if let Some(next) = next.as_mut() {
                next.previous = previous;
            }
            match previous.as_mut() {
                Some(previous) => previous.next = next,
                None => (*list).first = next,
            }
            (*list).relevant = self.entry;
            (*list).action = REMOVED;
            __jit_debug_register_code();
            (*list).relevant = ptr::null_mut();
            drop(Box::from_raw(self.entry));
        }
    }
}
