//! Where cold builtins arrive: called by compiled code that holds no context, see `abi::builtins`.

use super::tls;
use crate::abi::VmContext;
use std::ffi::c_void;
use std::ptr;

/// Runs the body at this byte offset of the table of builtins in the name of the store that runs on this thread. Null means
/// to go on; a context, to raise in its name.
///
/// `fp` is the frame pointer of the trampoline, `pc` its return address, `word` what the body is told.
pub(crate) extern "C" fn enter_cold(
    offset: u32,
    word: i32,
    fp: usize,
    pc: usize,
) -> *mut VmContext {
    type Body = unsafe extern "C" fn(*mut VmContext, i32) -> bool;
    let exec = tls::get().exec;
    // SAFETY: called by trampolines that wasm code called, so its store is alive, and `enter` has put it here.
    let (exec, root) = unsafe { (&mut *exec, (*exec).root) };
    exec.vm.exec.exit_fp = fp;
    exec.vm.exec.exit_pc = pc;
    // SAFETY: the compiler takes offsets from the table of builtins.
    let body = unsafe { *(*root).builtins.byte_add(offset as usize) };
    // SAFETY: cold builtins have this signature.
    let body = unsafe { std::mem::transmute::<*const c_void, Body>(body) };
    // SAFETY: the root context is of the live store, whose wasm code has just left through a trampoline.
    if unsafe { body(root, word) } {
        ptr::null_mut()
    } else {
        root
    }
}
