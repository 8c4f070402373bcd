//! The structures that machine code reads and writes.

use std::ffi::c_void;
use std::fmt;
use std::mem::offset_of;
use std::sync::atomic::AtomicU64;

/// First word of an instance's VMContext.
pub(crate) const MAGIC_INSTANCE: u32 = 0x6d76_6374;
/// First word of a [`VmHostFunc`].
pub(crate) const MAGIC_HOST: u32 = 0x6d76_6873;

/// The part of a store that machine code knows. It is the first field of the store's core and never moves while the
/// store lives.
///
/// ```text
/// written by            field
/// runtime               exec.stack_limit (read by every prologue)
/// enter                 exec.entry_sp, entry_fp, entry_handler
/// exit, builtins        exec.exit_fp, exec.exit_pc
/// enter, exit, runtime  fuel (while wasm code runs, it holds the count itself)
/// ```
#[repr(C)]
#[derive(Debug)]
pub(crate) struct VmStore {
    /// What belongs to the stack that currently runs; swapped whole when a fiber is resumed or suspends.
    pub(crate) exec: VmExec,
    /// Fuel spent minus fuel granted: negative while some is left.
    pub(crate) fuel: i64,
}

/// The registers of the running stack: where a trap goes, where a backtrace starts, how deep wasm may go.
#[repr(C)]
#[derive(Copy, Clone, Debug)]
pub(crate) struct VmExec {
    /// Wasm code traps when its stack pointer would go below this address.
    pub(crate) stack_limit: usize,
    /// Stack pointer of the innermost `enter`, as its handler expects it.
    pub(crate) entry_sp: usize,
    /// Frame pointer of the innermost `enter`.
    pub(crate) entry_fp: usize,
    /// Where a raised trap continues: the handler of the innermost `enter`.
    pub(crate) entry_handler: usize,
    /// Frame pointer of the trampoline through which wasm code last left; its saved words are the wasm frame's
    /// frame pointer and `exit_pc`.
    pub(crate) exit_fp: usize,
    /// Return address into the wasm code that last left.
    pub(crate) exit_pc: usize,
}

impl VmExec {
    /// The state of a stack on which no wasm code has been entered yet.
    pub(crate) const EMPTY: VmExec = VmExec {
        stack_limit: 0,
        entry_sp: 0,
        entry_fp: 0,
        entry_handler: 0,
        exit_fp: 0,
        exit_pc: 0,
    };
}

impl VmStore {
    pub(crate) const OFFSET_STACK_LIMIT: u32 = off(offset_of!(VmStore, exec.stack_limit));
    pub(crate) const OFFSET_ENTRY_SP: u32 = off(offset_of!(VmStore, exec.entry_sp));
    pub(crate) const OFFSET_ENTRY_FP: u32 = off(offset_of!(VmStore, exec.entry_fp));
    pub(crate) const OFFSET_ENTRY_HANDLER: u32 = off(offset_of!(VmStore, exec.entry_handler));
    pub(crate) const OFFSET_EXIT_FP: u32 = off(offset_of!(VmStore, exec.exit_fp));
    pub(crate) const OFFSET_EXIT_PC: u32 = off(offset_of!(VmStore, exec.exit_pc));
    pub(crate) const OFFSET_FUEL: u32 = off(offset_of!(VmStore, fuel));
}

/// The fixed head of a VMContext; `VmctxLayout` describes the tail.
///
/// Machine code gets a pointer to it as callee and caller context. `magic` tells it from a [`VmHostFunc`].
#[repr(C, align(16))]
#[derive(Debug)]
pub(crate) struct VmContext {
    pub(crate) magic: u32,
    /// The instance's dynamic id in its store; `u32::MAX` for the root context, which has no instance.
    pub(crate) instance: u32,
    pub(crate) store: *mut VmStore,
    /// The builtins' addresses, in the order of their table.
    pub(crate) builtins: *const *const c_void,
    /// Canonical id of each module type, indexed by `TypeIndex`.
    pub(crate) type_ids: *const u32,
    /// Not zero once the epoch has reached the store's deadline.
    pub(crate) due: *const AtomicU64,
}

impl VmContext {
    pub(crate) const OFFSET_STORE: u32 = off(offset_of!(VmContext, store));
    pub(crate) const OFFSET_BUILTINS: u32 = off(offset_of!(VmContext, builtins));
    pub(crate) const OFFSET_TYPE_IDS: u32 = off(offset_of!(VmContext, type_ids));
    pub(crate) const OFFSET_DUE: u32 = off(offset_of!(VmContext, due));
}

/// A function reference: three words that never change after the instance (or host function) is made. Tables and
/// reference values hold a pointer to one; null is a null pointer.
#[repr(C)]
#[derive(Copy, Clone, Debug)]
pub(crate) struct VmFuncRef {
    /// A wasm function or an `exit` trampoline.
    pub(crate) code: *const u8,
    /// The callee context: a [`VmContext`] or a [`VmHostFunc`].
    pub(crate) vmctx: *mut VmContext,
    /// Canonical type id, zero-extended.
    pub(crate) type_id: usize,
}

impl VmFuncRef {
    pub(crate) const OFFSET_CODE: u32 = off(offset_of!(VmFuncRef, code));
    pub(crate) const OFFSET_VMCTX: u32 = off(offset_of!(VmFuncRef, vmctx));
    pub(crate) const OFFSET_TYPE_ID: u32 = off(offset_of!(VmFuncRef, type_id));
}

/// A linear memory as machine code sees it.
#[repr(C)]
#[derive(Copy, Clone, Debug)]
pub(crate) struct VmMemory {
    pub(crate) base: *mut u8,
    /// Current size in bytes.
    pub(crate) len: usize,
}

impl VmMemory {
    pub(crate) const OFFSET_BASE: u32 = off(offset_of!(VmMemory, base));
    pub(crate) const OFFSET_LEN: u32 = off(offset_of!(VmMemory, len));
}

/// A table as machine code sees it. Every element is one 8-byte word: a `*mut VmFuncRef`, or the zero-extended handle
/// of a host value. Null is zero. `base` never changes.
#[repr(C)]
#[derive(Copy, Clone, Debug)]
pub(crate) struct VmTable {
    pub(crate) base: *mut usize,
    /// Current number of elements.
    pub(crate) len: usize,
}

impl VmTable {
    pub(crate) const OFFSET_BASE: u32 = off(offset_of!(VmTable, base));
    pub(crate) const OFFSET_LEN: u32 = off(offset_of!(VmTable, len));
    /// Bytes per element.
    pub(crate) const ELEMENT_SIZE: u32 = 8;
}

/// A global's storage: 16 bytes, of which the type's width is used. Function references are pointers, host values
/// 32-bit handles.
#[repr(C, align(16))]
#[derive(Copy, Clone)]
pub(crate) struct VmGlobal {
    pub(crate) bytes: [u8; 16],
}

impl fmt::Debug for VmGlobal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#034x}", u128::from_le_bytes(self.bytes))
    }
}

/// A host function as its `exit` trampoline sees it.
#[repr(C, align(16))]
#[derive(Debug)]
pub(crate) struct VmHostFunc {
    pub(crate) magic: u32,
    pub(crate) shim: HostShim,
    /// The closure, for the shim alone.
    pub(crate) data: *const c_void,
    /// The reference under which this function is imported and put into tables.
    pub(crate) func_ref: VmFuncRef,
}

impl VmHostFunc {
    pub(crate) const OFFSET_SHIM: u32 = off(offset_of!(VmHostFunc, shim));
}

/// What an `exit` trampoline calls. `args` holds the parameters and takes the results. A `false` return means that an
/// error or panic has been recorded in the store and must be raised.
pub(crate) type HostShim = unsafe extern "C" fn(
    host: *const VmHostFunc,
    caller: *mut VmContext,
    args: *mut ValRaw,
) -> bool;

/// Where cold trampolines enter the host, see `builtins`: `(byte offset of the body in the table, its word, frame pointer,
/// return address)`. Null means to go on, a context to raise in its name.
pub(crate) type ColdEntry = extern "C" fn(u32, i32, usize, usize) -> *mut VmContext;

/// An `enter` trampoline.
pub(crate) type EnterFn = unsafe extern "C" fn(
    callee: *mut VmContext,
    caller: *mut VmContext,
    args: *mut ValRaw,
    code: *const u8,
) -> bool;

/// A 128-bit vector value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct V128([u8; 16]);

impl V128 {
    /// The value as an integer, lane 0 in the least significant bits.
    pub fn as_u128(&self) -> u128 {
        u128::from_le_bytes(self.0)
    }
}

impl From<u128> for V128 {
    fn from(value: u128) -> Self {
        V128(value.to_le_bytes())
    }
}

impl From<V128> for u128 {
    fn from(value: V128) -> Self {
        value.as_u128()
    }
}

impl fmt::Debug for V128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V128({:#034x})", self.as_u128())
    }
}

/// A raw, untyped value in the 16-byte slot in which trampolines pass it. Which field is valid is the caller's
/// knowledge.
#[derive(Copy, Clone)]
#[repr(C, align(16))]
pub union ValRaw {
    i32: i32,
    i64: i64,
    f32: u32,
    f64: u64,
    v128: [u8; 16],
    funcref: *mut c_void,
    externref: u32,
}

// SAFETY: a `ValRaw` is plain bits; what a function reference points to is only reached through a store, and the
// store's own rules decide which thread may do that.
unsafe impl Send for ValRaw {}
// SAFETY: as above; shared access only copies the bits.
unsafe impl Sync for ValRaw {}

macro_rules! raw_accessors {
    ($($(#[$doc:meta])* $make:ident $get:ident $field:ident $ty:ty;)*) => {$(
        $(#[$doc])*
        pub fn $make(value: $ty) -> ValRaw {
            let mut raw = ValRaw { v128: [0; 16] };
            raw.$field = value;
            raw
        }

        /// Reads the value back; meaningless if the slot holds another type.
        pub fn $get(&self) -> $ty {
            // SAFETY: every bit pattern is valid for every field, and the constructors initialise all 16 bytes.
            unsafe { self.$field }
        }
    )*};
}

impl ValRaw {
    raw_accessors! {
        /// A 32-bit integer.
        i32 get_i32 i32 i32;
        /// A 64-bit integer.
        i64 get_i64 i64 i64;
        /// A 32-bit integer without a sign.
        u32 get_u32 f32 u32;
        /// A 64-bit integer without a sign.
        u64 get_u64 f64 u64;
        /// A 32-bit float, as bits.
        f32 get_f32 f32 u32;
        /// A 64-bit float, as bits.
        f64 get_f64 f64 u64;
        /// A function reference, or null.
        funcref get_funcref funcref *mut c_void;
        /// The handle of a host value; zero is null.
        externref get_externref externref u32;
        /// The handle of a reference into a garbage-collected heap; zero is null.
        anyref get_anyref externref u32;
        /// The handle of an exception; zero is null.
        exnref get_exnref externref u32;
    }

    /// The null of every kind of reference.
    pub fn null() -> ValRaw {
        ValRaw { v128: [0; 16] }
    }

    /// A vector.
    pub fn v128(value: u128) -> ValRaw {
        ValRaw {
            v128: value.to_le_bytes(),
        }
    }

    /// Reads the value back; meaningless if the slot holds another type.
    pub fn get_v128(&self) -> u128 {
        // SAFETY: every bit pattern is valid, and the constructors initialise all 16 bytes.
        u128::from_le_bytes(unsafe { self.v128 })
    }
}

impl fmt::Debug for ValRaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValRaw({:#034x})", self.get_v128())
    }
}

/// A field offset as code emission wants it.
const fn off(offset: usize) -> u32 {
    assert!(offset < 4096);
    #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
    {
        offset as u32
    }
}
