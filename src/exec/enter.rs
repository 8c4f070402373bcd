//! The one door into wasm.

use super::{Activation, ExecCore, Raised, tls};
use crate::abi::{EnterFn, ValRaw, VmContext};
use crate::os;
use crate::wasm::Trap;
use std::ptr;

/// An address inside the caller's frame: near enough to its stack pointer for limits of many kilobytes.
#[inline(always)]
pub(super) fn stack_pointer() -> usize {
    let marker = 0u8;
    ptr::from_ref(&marker).addr()
}

/// Calls wasm code through its `enter` trampoline and waits for it to return or raise.
///
/// Nests to any depth, on native stacks and fibers: the registers of the activation around are put back before this
/// returns.
///
/// # Errors
///
/// What was raised. `ExecCore::frames` then holds the backtrace.
///
/// # Safety
///
/// `exec` is the executing half of a live store that nobody else uses during the call; `callee`, `code` and `enter` are
/// of one function of that store; `root` is a context of that store; `args` has a slot for every parameter and result,
/// parameters filled in.
#[inline(always)]
pub(crate) unsafe fn enter(
    exec: *mut ExecCore,
    enter: EnterFn,
    callee: *mut VmContext,
    root: *mut VmContext,
    args: *mut ValRaw,
    code: *const u8,
) -> Result<(), Raised> {
    // SAFETY: `exec` is live, by the caller.
    let max = unsafe { (*exec).max_wasm_stack };
    // The limit belongs to the stack: whoever entered wasm first on it has set it, for whichever store.
    let fresh_limit = stack_pointer().saturating_sub(max).max(1);
    let thread = tls::enter(exec, fresh_limit);
    let stack_limit = match thread.stack_limit {
        0 => fresh_limit,
        limit => limit,
    };
    if thread.stack_limit == 0
        && let Err(error) = os::ensure_signal_stack()
    {
        tls::replace(thread);
        return Err(Raised::Error(crate::Error::from(error)));
    }
    // SAFETY: as above; nobody else holds a reference into the store now.
    let (outer, previous) = unsafe { ((*exec).vm.exec, (*exec).activation) };
    let activation = Activation { outer, previous };
    // SAFETY: as above. `activation` outlives its place in the chain: it is taken out below, and wasm code cannot unwind
    // past this frame.
    let returned = unsafe {
        (*exec).activation = &raw const activation;
        (*exec).vm.exec.stack_limit = stack_limit;
        enter(callee, root, args, code)
    };
    if thread.exec != exec || thread.stack_limit == 0 {
        tls::replace(thread);
    }
    // SAFETY: as above.
    unsafe {
        (*exec).activation = activation.previous;
        (*exec).vm.exec = activation.outer;
        if returned {
            return Ok(());
        }
        // A raise without a reason cannot happen; as a trap it would at least be seen.
        let raised = (*exec).raised.take();
        Err(raised.unwrap_or(Raised::Trap(Trap::UnreachableCodeReached)))
    }
}

/// Stands where a host function's `enter` would be: the host calls host functions through their shims.
///
/// # Safety
///
/// Never called.
pub(crate) unsafe extern "C" fn no_entry(
    _: *mut VmContext,
    _: *mut VmContext,
    _: *mut ValRaw,
    _: *const u8,
) -> bool {
    false
}
