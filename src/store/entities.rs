//! Dynamic ids and what they name.

use super::StoreCore;
use crate::Result;
use crate::abi::{VmGlobal, VmMemory, VmTable};
use crate::engine::RegisteredType;
use crate::memory::{AnyMemory, HostMemory, LinearMemory, TableMemory};
use crate::wasm::{GlobalDesc, MemoryDesc, TableDesc};
use std::ops::Range;
use std::ptr::NonNull;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
        pub(crate) struct $name(u32);

        impl $name {
            /// The id of the element at this position.
            pub(crate) fn new(index: usize) -> Self {
                $name(u32::try_from(index).expect("limits keep entity counts below 2^32"))
            }

            /// The position in the store's vector.
            pub(crate) fn index(self) -> usize {
                self.0 as usize
            }

            /// As the number that VMContexts carry.
            #[allow(dead_code, reason = "one macro makes all ids")]
            pub(crate) fn as_u32(self) -> u32 {
                self.0
            }
        }
    )*};
}

ids! {
    /// An instance of a store.
    InstanceId;
    /// A linear memory of a store.
    MemoryId;
    /// A table of a store.
    TableId;
    /// A global of a store.
    GlobalId;
}

/// A linear memory.
pub(crate) struct MemoryEntity {
    pub(crate) memory: AnyMemory,
    /// What machine code reads: inside the owning instance's VMContext, or boxed for host-made memories. Rewritten after
    /// every growth.
    pub(crate) vm: NonNull<VmMemory>,
}

/// A table.
pub(crate) struct TableEntity {
    pub(crate) table: TableMemory,
    pub(crate) desc: TableDesc,
    pub(crate) vm: NonNull<VmTable>,
}

/// A global.
pub(crate) struct GlobalEntity {
    pub(crate) desc: GlobalDesc,
    pub(crate) vm: NonNull<VmGlobal>,
}

impl StoreCore {
    /// Adds a memory whose machine half lies at `vm`, or in a box of its own.
    pub(crate) fn push_memory(
        &mut self,
        memory: AnyMemory,
        vm: Option<NonNull<VmMemory>>,
    ) -> MemoryId {
        let vm = vm.unwrap_or_else(|| {
            let boxed = NonNull::from(Box::leak(Box::new(memory.vm())));
            self.boxed_memories.push(boxed);
            boxed
        });
        // SAFETY: `vm` is a live VMContext field or the box above.
        unsafe { vm.write(memory.vm()) };
        self.exec.memory_ranges.push(memory.range_of_reservation());
        self.memories.push(MemoryEntity { memory, vm });
        MemoryId::new(self.memories.len() - 1)
    }

    /// Adds a table.
    pub(crate) fn push_table(
        &mut self,
        table: TableMemory,
        desc: TableDesc,
        vm: Option<NonNull<VmTable>>,
    ) -> TableId {
        let state = VmTable {
            base: table.base(),
            len: table.len(),
        };
        let vm = vm.unwrap_or_else(|| {
            let boxed = NonNull::from(Box::leak(Box::new(state)));
            self.boxed_tables.push(boxed);
            boxed
        });
        // SAFETY: `vm` is a live VMContext field or the box above.
        unsafe { vm.write(state) };
        self.tables.push(TableEntity { table, desc, vm });
        TableId::new(self.tables.len() - 1)
    }

    /// Adds a global with its first value.
    pub(crate) fn push_global(
        &mut self,
        desc: GlobalDesc,
        value: VmGlobal,
        vm: Option<NonNull<VmGlobal>>,
    ) -> GlobalId {
        let vm = vm.unwrap_or_else(|| {
            let boxed = NonNull::from(Box::leak(Box::new(value)));
            self.boxed_globals.push(boxed);
            boxed
        });
        // SAFETY: `vm` is a live VMContext field or the box above.
        unsafe { vm.write(value) };
        self.globals.push(GlobalEntity { desc, vm });
        GlobalId::new(self.globals.len() - 1)
    }

    /// Makes the storage of a host-made memory after asking the limiter.
    ///
    /// # Errors
    ///
    /// The limiter's, or there is no such memory to be had.
    pub(crate) fn new_memory(&mut self, desc: &MemoryDesc) -> Result<AnyMemory> {
        self.admit_memory(desc)?;
        Ok(LinearMemory::new(desc, self.engine.tunables())?.into())
    }

    /// Makes the storage of a guest's memory after asking the limiter: the embedder's storage, if it supplies any.
    ///
    /// # Errors
    ///
    /// As for [`StoreCore::new_memory`], or the embedder's.
    pub(super) fn new_guest_memory(&mut self, desc: &MemoryDesc) -> Result<AnyMemory> {
        let Some(maker) = self.engine.memory_maker().cloned() else {
            return self.new_memory(desc);
        };
        self.admit_memory(desc)?;
        Ok(HostMemory::new(desc, self.engine.tunables(), &*maker)?.into())
    }

    /// Asks the limiter for a memory.
    fn admit_memory(&mut self, desc: &MemoryDesc) -> Result<()> {
        let bytes = desc.min_bytes().and_then(|n| usize::try_from(n).ok());
        let Some(bytes) = bytes.filter(|&n| n as u64 <= desc.max_bytes()) else {
            crate::bail!(
                "memory minimum size of {} pages exceeds memory limits",
                desc.min
            );
        };
        if !self.may_grow_memory(0, bytes, desc)? {
            crate::bail!(
                "memory minimum size of {} pages exceeds memory limits",
                desc.min
            );
        }
        Ok(())
    }

    /// Makes a table's storage after asking the limiter.
    ///
    /// # Errors
    ///
    /// The limiter's, or there is no such table to be had.
    pub(crate) fn new_table(&mut self, desc: &TableDesc) -> Result<TableMemory> {
        let fits = match usize::try_from(desc.min) {
            Ok(min) => self.may_grow_table(0, min, desc)?,
            Err(_) => false,
        };
        if !fits {
            crate::bail!(
                "table minimum size of {} elements exceeds table limits",
                desc.min
            );
        }
        TableMemory::new(desc)
    }

    /// The type of a memory with its current size as minimum, as imports are matched.
    pub(crate) fn memory_desc(&self, id: MemoryId) -> MemoryDesc {
        let entity = &self.memories[id.index()];
        let mut desc = *entity.memory.desc();
        desc.min = entity.memory.byte_len() as u64 / desc.page_size();
        desc
    }

    /// The type of a table with its current size as minimum.
    pub(crate) fn table_desc(&self, id: TableId) -> TableDesc {
        let entity = &self.tables[id.index()];
        let mut desc = entity.desc;
        desc.min = entity.table.len() as u64;
        desc
    }

    /// Grows a memory by pages after asking the limiter; the previous size in pages, or `None` if it cannot grow.
    ///
    /// # Errors
    ///
    /// The limiter's.
    pub(crate) fn grow_memory(&mut self, id: MemoryId, delta: u64) -> Result<Option<u64>> {
        let entity = &self.memories[id.index()];
        let desc = *entity.memory.desc();
        let old = entity.memory.byte_len();
        let page = desc.page_size();
        let old_pages = old as u64 / page;
        if delta == 0 {
            // Asked all the same: a limiter may count.
            return Ok(self.may_grow_memory(old, old, &desc)?.then_some(old_pages));
        }
        let wanted = old_pages
            .checked_add(delta)
            .and_then(|pages| pages.checked_mul(page))
            .and_then(|bytes| usize::try_from(bytes).ok());
        let Some(wanted) = wanted else {
            self.memory_grow_failed(crate::format_err!("memory size overflows"))?;
            return Ok(None);
        };
        if !self.may_grow_memory(old, wanted, &desc)? {
            return Ok(None);
        }
        if wanted as u64 > desc.max_bytes() {
            self.memory_grow_failed(crate::format_err!("Memory maximum size exceeded"))?;
            return Ok(None);
        }
        let entity = &mut self.memories[id.index()];
        let grown = entity.memory.grow_to(wanted);
        // SAFETY: `vm` lives as long as the entity.
        unsafe { entity.vm.write(entity.memory.vm()) };
        self.exec.memory_ranges[id.index()] = entity.memory.range_of_reservation();
        if let Err(error) = grown {
            self.memory_grow_failed(error)?;
            return Ok(None);
        }
        Ok(Some(old_pages))
    }

    /// Grows a table after asking the limiter, in one piece; the previous size, or `None` if it cannot grow.
    ///
    /// # Errors
    ///
    /// The limiter's.
    pub(crate) fn grow_table(
        &mut self,
        id: TableId,
        delta: u64,
        fill: usize,
    ) -> Result<Option<u64>> {
        let Some(range) = self.make_table_room(id, delta)? else {
            return Ok(None);
        };
        let table = &mut self.tables[id.index()].table;
        table.prepare(range.clone(), fill);
        self.publish_table(id, range.end);
        Ok(Some(range.start as u64))
    }

    /// Makes room in a table after asking the limiter: for which elements, or `None` if it cannot grow. They are not part
    /// of the table yet.
    ///
    /// # Errors
    ///
    /// The limiter's.
    pub(super) fn make_table_room(
        &mut self,
        id: TableId,
        delta: u64,
    ) -> Result<Option<Range<usize>>> {
        let entity = &self.tables[id.index()];
        let desc = entity.desc;
        let old = entity.table.len();
        let wanted = (old as u64)
            .checked_add(delta)
            .and_then(|n| usize::try_from(n).ok());
        let Some(wanted) = wanted else {
            self.table_grow_failed(crate::format_err!("table size overflows"))?;
            return Ok(None);
        };
        if !self.may_grow_table(old, wanted, &desc)? {
            return Ok(None);
        }
        let max = desc.max.unwrap_or(u64::from(u32::MAX));
        let table = &mut self.tables[id.index()].table;
        let fits = wanted as u64 <= max && table.make_room(delta).is_some();
        if !fits {
            self.table_grow_failed(crate::format_err!("Table maximum size exceeded"))?;
            return Ok(None);
        }
        Ok(Some(old..wanted))
    }

    /// Makes prepared elements part of a table, up to `len`, and lets machine code know.
    pub(super) fn publish_table(&mut self, id: TableId, len: usize) {
        let entity = &mut self.tables[id.index()];
        entity.table.publish(len);
        let state = VmTable {
            base: entity.table.base(),
            len,
        };
        // SAFETY: `vm` lives as long as the entity.
        unsafe { entity.vm.write(state) };
    }

    /// The registered type of a function reference of this store.
    ///
    /// # Safety
    ///
    /// The reference is of this store.
    pub(crate) unsafe fn func_type(
        &self,
        func: NonNull<crate::abi::VmFuncRef>,
    ) -> Option<RegisteredType> {
        // SAFETY: the caller's.
        let id = unsafe { (*func.as_ptr()).type_id };
        self.engine.types().get(u32::try_from(id).ok()?)
    }
}
