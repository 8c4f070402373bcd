//! The embedding API: modules, linkers, instances, functions, memories, tables, globals, values, stores.
//!
//! Handles are `Copy` and name entities of a store; generic functions are thin shells over `StoreCore`. Whatever can run
//! guest code comes in a synchronous and an asynchronous form with one body: the asynchronous form runs it on a fiber.
//! This room knows everything below; nothing below knows it.

mod call;
mod code_builder;
mod context;
#[cfg(feature = "coredump")]
mod coredump;
mod creator;
mod defaults;
mod externals;
mod func;
mod gc;
mod global;
#[cfg(feature = "call-hook")]
mod hook;
#[cfg(not(feature = "call-hook"))]
#[path = "hook_disabled.rs"]
mod hook;
mod host;
mod instance;
mod limits;
mod linker;
mod matching;
mod memory;
mod module;
mod store;
mod table;
mod trap;
mod typed;
mod types;
mod val;

pub use code_builder::{CodeBuilder, CodeHint};
pub use context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
#[cfg(feature = "coredump")]
pub use coredump::WasmCoreDump;
pub use creator::MemoryCreator;
pub use externals::{Export, Extern, SharedMemory, Tag, ThrownException, WaitResult};
pub use func::Func;
pub use gc::{
    AnyRef, ArrayRef, ContRef, EqRef, ExnRef, ExternRef, GcHeapOutOfMemory, GcRef, I31, NoExtern,
    NoFunc, NoneRef, OwnedRooted, RootScope, Rooted, RootedGcRef, StructRef,
};
pub use global::Global;
#[cfg(feature = "call-hook")]
pub use hook::CallHookHandler;
pub use host::{AsyncHostFn, Caller, IntoFunc};
pub use instance::{Instance, InstancePre};
pub use linker::{Linker, UnknownImportError};
pub use memory::{Memory, MemoryAccessError};
pub use module::{
    FuncIndex, Module, ModuleExport, ModuleFunction, ResourcesRequired, StaticModuleIndex,
};
pub use store::Store;
pub use table::Table;
pub use trap::{FrameInfo, FrameSymbol, WasmBacktrace};
pub use typed::{TypedFunc, WasmParams, WasmResults, WasmRet, WasmTy, WasmTyList};
pub use types::{
    ArrayType, ContType, ExnType, ExportType, ExternType, FieldType, Finality, FuncType,
    GlobalType, HeapType, ImportType, MemoryType, MemoryTypeBuilder, Mutability, RefType,
    StorageType, StructType, TableType, TagType, ValType,
};
pub use val::{Ref, Val};
