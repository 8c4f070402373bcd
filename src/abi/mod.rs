//! The contract between machine code and the runtime: the layout of everything that both read, the builtins, the trap
//! codes and the calling conventions.
//!
//! Compiler and runtime read offsets from here and from nowhere else; there are no offset literals in the project.
//! This room must not know how code is generated, nor what a store does with the structures it lays out.
//!
//! # Calling conventions
//!
//! | who | convention | parameters |
//! |---|---|---|
//! | wasm function | Cranelift `Tail` | `(callee_vmctx, caller_vmctx, [fuel], wasm params..) -> ([fuel], wasm results)` |
//! | `enter` trampoline, per signature | SystemV | `(callee_vmctx, caller_vmctx, args: *mut ValRaw, code) -> i8` (1 = returned, 0 = raised) |
//! | `exit` trampoline, per signature | as a wasm function | spills to a `[ValRaw]`, calls the [`HostShim`] of its `VmHostFunc` |
//! | warm builtin, as machine code calls it | Cranelift `Tail` | `(vmctx, params..)`, see [`builtins`] |
//! | cold builtin, as machine code calls it | Cranelift `PreserveAll` | none |
//!
//! With fuel, its count is passed along with every call and return of wasm code and in memory only while the host runs.
//!
//! `args` has one 16-byte slot per parameter or result, whichever are more; results overwrite parameters.

#![expect(unsafe_code, reason = "raw layouts that machine code shares")]

pub(crate) mod builtins;
mod layout;
mod trapcode;
mod vm;

pub(crate) use layout::VmctxLayout;
pub(crate) use trapcode::{decode_trap, encode_trap};
pub(crate) use vm::{
    ColdEntry, EnterFn, HostShim, MAGIC_HOST, MAGIC_INSTANCE, VmContext, VmExec, VmFuncRef,
    VmGlobal, VmHostFunc, VmMemory, VmStore, VmTable,
};
pub use vm::{V128, ValRaw};
