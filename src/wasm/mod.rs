//! The vocabulary of the WebAssembly specification: types, limits, index spaces and the description of a module.
//!
//! Everything here is plain data that can be serialised. This room must not know how a module is compiled, where its
//! state lives, or that stores and engines exist.

mod index;
mod module;
mod trap;
mod types;

pub(crate) use index::{
    DataIndex, DefinedFuncIndex, DefinedGlobalIndex, DefinedMemoryIndex, DefinedTableIndex,
    ElemIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TypeIndex,
};
pub(crate) use module::{
    ConstExpr, ConstOp, DataMode, DataSegment, ElemItems, ElemMode, ElemSegment, EntityIndex,
    EntityType, ExportDef, FuncNames, ImportDef, ModuleInfo,
};
pub use trap::Trap;
pub(crate) use types::{
    GlobalDesc, MemoryDesc, TableDesc, WasmFuncType, WasmHeap, WasmRef, WasmVal,
};
