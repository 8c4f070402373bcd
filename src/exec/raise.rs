//! Leaving wasm from a host function or builtin: the jump to the innermost entry's handler.

use crate::abi::{VmContext, VmStore};
use std::arch::naked_asm;

#[cfg(target_arch = "x86_64")]
/// Never returns: continues at the handler of the innermost `enter`. The body of the `raise` builtin.
///
/// # Safety
///
/// Called by a trampoline of this VMContext's store with wasm frames only between here and that `enter`.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn raise(vmctx: *mut VmContext) {
    naked_asm!(
        "mov rax, [rdi + {store}]",
        "mov rsp, [rax + {sp}]",
        "mov rbp, [rax + {fp}]",
        "jmp [rax + {handler}]",
        store = const VmContext::OFFSET_STORE,
        sp = const VmStore::OFFSET_ENTRY_SP,
        fp = const VmStore::OFFSET_ENTRY_FP,
        handler = const VmStore::OFFSET_ENTRY_HANDLER,
    )
}

#[cfg(not(target_arch = "x86_64"))]
compile_error!(
    "raising out of wasm is written for x86-64 only; add the jump for this architecture here"
);
