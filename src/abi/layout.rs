//! The tail of a VMContext: where each instance keeps what its module defines and imports.
//!
//! ```text
//! +0                VmContext (fixed head)
//! imported_funcs    *const VmFuncRef   per imported function
//! imported_tables   *mut VmTable       per imported table
//! imported_memories *mut VmMemory      per imported memory
//! imported_globals  *mut VmGlobal      per imported global
//! tables            VmTable            per defined table
//! memories          VmMemory           per defined memory
//! globals           VmGlobal           per defined global (16-byte aligned)
//! func_refs         VmFuncRef          per escaping function
//! ```

use super::{VmContext, VmFuncRef, VmGlobal, VmMemory, VmTable};
use crate::entity::EntityRef;
use crate::wasm::{
    DefinedGlobalIndex, DefinedMemoryIndex, DefinedTableIndex, FuncIndex, GlobalIndex, MemoryIndex,
    ModuleInfo, TableIndex,
};
use std::collections::HashMap;

/// Offsets into one module's VMContext. The one source that compiler and runtime read.
#[derive(Clone, Debug)]
pub(crate) struct VmctxLayout {
    imported_funcs: u32,
    imported_tables: u32,
    imported_memories: u32,
    imported_globals: u32,
    tables: u32,
    memories: u32,
    globals: u32,
    func_refs: u32,
    escaping: HashMap<FuncIndex, u32>,
    size: u32,
}

const POINTER: usize = size_of::<usize>();

impl VmctxLayout {
    /// Lays out the VMContext of a module. `None` if it would pass 1 GiB, which offsets in machine code cannot reach.
    pub(crate) fn new(module: &ModuleInfo) -> Option<Self> {
        let mut next = size_of::<VmContext>();
        let mut region = |count: usize, size: usize, align: usize| -> Option<u32> {
            next = next.next_multiple_of(align);
            let start = next;
            next = next.checked_add(count.checked_mul(size)?)?;
            (next < 1 << 30).then_some(())?;
            u32::try_from(start).ok()
        };
        let imported_funcs = region(module.imported_funcs, POINTER, POINTER)?;
        let imported_tables = region(module.imported_tables, POINTER, POINTER)?;
        let imported_memories = region(module.imported_memories, POINTER, POINTER)?;
        let imported_globals = region(module.imported_globals, POINTER, POINTER)?;
        let defined = |all: usize, imported: usize| all - imported;
        let tables = region(
            defined(module.tables.len(), module.imported_tables),
            size_of::<VmTable>(),
            POINTER,
        )?;
        let memories = region(
            defined(module.memories.len(), module.imported_memories),
            size_of::<VmMemory>(),
            POINTER,
        )?;
        let globals = region(
            defined(module.globals.len(), module.imported_globals),
            size_of::<VmGlobal>(),
            align_of::<VmGlobal>(),
        )?;
        let func_refs = region(module.escaping.len(), size_of::<VmFuncRef>(), POINTER)?;
        let size = region(0, 0, align_of::<VmContext>())?;
        let escaping = module
            .escaping
            .iter()
            .zip(0u32..)
            .map(|(&func, slot)| (func, slot))
            .collect();
        Some(VmctxLayout {
            imported_funcs,
            imported_tables,
            imported_memories,
            imported_globals,
            tables,
            memories,
            globals,
            func_refs,
            escaping,
            size,
        })
    }

    /// Bytes of the whole VMContext.
    pub(crate) fn size(&self) -> usize {
        self.size as usize
    }

    /// Of the `*const VmFuncRef` of an imported function.
    pub(crate) fn imported_func(&self, index: FuncIndex) -> u32 {
        self.imported_funcs + step(index.index(), POINTER)
    }

    /// Of the `*mut VmTable` of an imported table.
    pub(crate) fn imported_table(&self, index: TableIndex) -> u32 {
        self.imported_tables + step(index.index(), POINTER)
    }

    /// Of the `*mut VmMemory` of an imported memory.
    pub(crate) fn imported_memory(&self, index: MemoryIndex) -> u32 {
        self.imported_memories + step(index.index(), POINTER)
    }

    /// Of the `*mut VmGlobal` of an imported global.
    pub(crate) fn imported_global(&self, index: GlobalIndex) -> u32 {
        self.imported_globals + step(index.index(), POINTER)
    }

    /// Of the [`VmTable`] of a defined table.
    pub(crate) fn table(&self, index: DefinedTableIndex) -> u32 {
        self.tables + step(index.index(), size_of::<VmTable>())
    }

    /// Of the [`VmMemory`] of a defined memory.
    pub(crate) fn memory(&self, index: DefinedMemoryIndex) -> u32 {
        self.memories + step(index.index(), size_of::<VmMemory>())
    }

    /// Of the [`VmGlobal`] of a defined global.
    pub(crate) fn global(&self, index: DefinedGlobalIndex) -> u32 {
        self.globals + step(index.index(), size_of::<VmGlobal>())
    }

    /// Of the [`VmFuncRef`] of an escaping function; `None` if its reference is never taken. Imported functions'
    /// references are reached through [`VmctxLayout::imported_func`] instead and are never listed here.
    pub(crate) fn func_ref(&self, index: FuncIndex) -> Option<u32> {
        let slot = *self.escaping.get(&index)?;
        Some(self.func_refs + step(slot as usize, size_of::<VmFuncRef>()))
    }
}

/// The byte distance of element `index`; fits because `new` bounded the whole.
fn step(index: usize, size: usize) -> u32 {
    u32::try_from(index * size).expect("a VMContext is smaller than 1 GiB")
}
