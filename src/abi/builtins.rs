//! Builtins: runtime functions that machine code calls through a table of pointers.
//!
//! One table generates the ids, the signatures and the pointer array. The runtime supplies the bodies (room `store`);
//! the compiler emits one trampoline per builtin that a module uses, which saves `exit_fp` and `exit_pc`, calls through
//! `VmContext::builtins` and raises if the body says so.
//!
//! A cold builtin is called without arguments, under a convention that preserves every register, so that a check which
//! rarely fires keeps nothing alive and costs its surroundings no register. Its trampoline calls the host's one function
//! for that ([`HOST_WORD`]), which knows the running store; the body gets the store's root context, and a word that only
//! traps make use of. What such a builtin reads and writes of the calling function's state lies in a slot of that function's
//! frame, see `FuncLoc::fuel_slot`.
//!
//! The body of a builtin is `extern "C" fn(vmctx: *mut VmContext, params..) -> result`. How a result says "raise":
//! `Ok` results are 1 = fine, 0 = raise; `Size` results are an `i64`, -1 = the wasm operation failed, -2 = raise.

/// Set in a bulk operation's first index if compiled code has charged for its length already, or need not: the body then
/// leaves fuel alone.
pub(crate) const ALREADY_CHARGED: i32 = i32::MIN;

/// Bytes of the word at the end of a module's text that holds the address of the host's [`ColdEntry`](super::ColdEntry).
/// Written when the text is mapped.
pub(crate) const HOST_WORD: usize = size_of::<usize>();

/// The machine type of a builtin's parameter.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Param {
    I32,
    I64,
}

/// What a builtin returns.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ret {
    /// Nothing, never raises.
    Nothing,
    /// `bool` as `i8`: false raises.
    Ok,
    /// `i64`: -2 raises, anything else is the result of the operation.
    Size,
}

/// The calling convention under which machine code calls a builtin's trampoline.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Heat {
    /// `Tail`.
    Warm,
    /// `PreserveAll`, and without arguments: clobbers nothing and needs nothing.
    Cold,
}

macro_rules! builtins {
    ($($(#[$doc:meta])* $id:ident = $name:ident ($($param:ident: $ty:ident),*) -> $ret:ident $heat:ident;)*) => {
        /// The id of a builtin: its index in the pointer array.
        #[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[repr(u8)]
        pub(crate) enum Builtin {
            $($(#[$doc])* $id,)*
        }

        impl Builtin {
            /// All builtins, in the order of the pointer array.
            pub(crate) const ALL: &'static [Builtin] = &[$(Builtin::$id),*];

            /// Parameters after the VMContext.
            pub(crate) const fn params(self) -> &'static [Param] {
                match self { $(Builtin::$id => &[$(Param::$ty),*],)* }
            }

            /// What it returns.
            pub(crate) const fn ret(self) -> Ret {
                match self { $(Builtin::$id => Ret::$ret,)* }
            }

            /// How machine code calls it.
            pub(crate) const fn heat(self) -> Heat {
                match self { $(Builtin::$id => Heat::$heat,)* }
            }

            /// Byte offset of its pointer in the array.
            pub(crate) const fn offset(self) -> u32 {
                self as u32 * 8
            }
        }

        /// Calls the macro `$m` with the whole table, for the room that owns the bodies.
        macro_rules! for_each_builtin {
            ($m:ident) => { $m! { $($id $name ($($param: $ty),*) -> $ret;)* } };
        }
        pub(crate) use for_each_builtin;
    };
}

builtins! {
    /// `memory.grow`: pages to add; previous size in pages.
    MemoryGrow = memory_grow(memory: I32, delta: I64) -> Size Warm;
    /// `memory.fill`.
    MemoryFill = memory_fill(memory: I32, dst: I64, value: I32, len: I64) -> Ok Warm;
    /// `memory.copy`.
    MemoryCopy = memory_copy(dst_memory: I32, dst: I64, src_memory: I32, src: I64, len: I64) -> Ok Warm;
    /// `memory.init`.
    MemoryInit = memory_init(memory: I32, data: I32, dst: I64, src: I64, len: I64) -> Ok Warm;
    /// `data.drop`.
    DataDrop = data_drop(data: I32) -> Nothing Warm;
    /// `table.grow`: elements to add, initial element; previous size.
    TableGrow = table_grow(table: I32, delta: I64, init: I64) -> Size Warm;
    /// `table.fill`.
    TableFill = table_fill(table: I32, dst: I64, value: I64, len: I64) -> Ok Warm;
    /// `table.copy`.
    TableCopy = table_copy(dst_table: I32, dst: I64, src_table: I32, src: I64, len: I64) -> Ok Warm;
    /// `table.init`.
    TableInit = table_init(table: I32, elem: I32, dst: I64, src: I64, len: I64) -> Ok Warm;
    /// `elem.drop`.
    ElemDrop = elem_drop(elem: I32) -> Nothing Warm;
    /// Raises the trap with this code. Machine code calls a trampoline per trap, which supplies the code.
    RaiseTrap = raise_trap(code: I32) -> Ok Cold;
    /// The fuel counter has reached zero.
    OutOfFuel = out_of_fuel(word: I32) -> Ok Cold;
    /// The epoch has reached the deadline.
    NewEpoch = new_epoch(word: I32) -> Ok Cold;
    /// Not a body but a jump: leaves to the innermost entry's handler. Called by trampolines after a body said so.
    Raise = raise() -> Nothing Warm;
}
