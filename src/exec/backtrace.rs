//! Walking the wasm frames of a store by their frame pointers.
//!
//! ```text
//! | saved fp of the caller |  <- fp
//! | return address         |
//! ```
//! Each activation's frames end at the frame of its `enter` trampoline; the next activation out goes on from where it
//! left wasm.

use super::ExecCore;
use crate::abi::VmExec;
use std::ptr;

/// A frame: an address inside the instruction that is running or calling.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawFrame {
    /// Lies inside the instruction, so that lookups need no correction.
    pub(crate) pc: usize,
}

/// Captures at most `limit` frames into `out`, innermost first. `fault` is the exact place of a hardware fault; without
/// it the walk starts where wasm code last left to the host.
///
/// # Safety
///
/// The store's `VmExec` and activation chain describe the running thread's stack; with `fault`, its pc and fp are of
/// wasm code of the innermost activation.
pub(crate) unsafe fn capture(
    exec: &ExecCore,
    fault: Option<(usize, usize)>,
    limit: usize,
    out: &mut Vec<RawFrame>,
) {
    let mut registers = exec.vm.exec;
    let mut activation = exec.activation;
    let mut start = fault;
    while out.len() < limit {
        // A fiber's first activation has none around it on its own stack.
        if registers.entry_fp != 0 {
            // SAFETY: the caller's promise, for this activation; outer ones stopped where they left to the host.
            unsafe { walk(&registers, start.take(), limit, out) };
        }
        if activation.is_null() {
            break;
        }
        // SAFETY: activations live in the Rust frames of `enter` further out on this or an outer stack.
        let outer = unsafe { &*activation };
        registers = outer.outer;
        activation = outer.previous;
    }
}

/// The frames of one activation.
///
/// # Safety
///
/// As for [`capture`].
unsafe fn walk(
    registers: &VmExec,
    fault: Option<(usize, usize)>,
    limit: usize,
    out: &mut Vec<RawFrame>,
) {
    let (mut pc, mut fp) = fault.unwrap_or_else(|| {
        let trampoline = ptr::with_exposed_provenance::<usize>(registers.exit_fp);
        // SAFETY: wasm code left through a trampoline, whose frame is alive as long as the host is called.
        let fp = unsafe { trampoline.read() };
        (registers.exit_pc - 1, fp)
    });
    while fp != registers.entry_fp && out.len() < limit {
        out.push(RawFrame { pc });
        // Frame pointers rise towards the entry; anything else is no chain of ours.
        if fp > registers.entry_fp {
            break;
        }
        let frame = ptr::with_exposed_provenance::<usize>(fp);
        // SAFETY: `fp` is the frame pointer of a wasm frame between here and the entry; compiled code keeps frame
        // pointers in every function.
        let (next, ret) = unsafe { (frame.read(), frame.add(1).read()) };
        if next <= fp {
            break;
        }
        fp = next;
        pc = ret - 1;
    }
}
