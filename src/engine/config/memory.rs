//! Linear memories, tables and garbage-collected heaps.

use super::{Collector, Config};
use crate::memory::MemoryMaker;
use std::sync::Arc;

/// Memory settings that no generated code depends on.
#[derive(Clone, Debug)]
pub(super) struct Memories {
    pub(super) init_cow: bool,
    pub(super) force_init_memfd: bool,
    pub(super) dense_image_size: u64,
    pub(super) table_lazy_init: bool,
    pub(super) shared: bool,
    /// What makes guests' memories, if the embedder does.
    pub(super) maker: Option<Arc<dyn MemoryMaker>>,
    pub(super) collector: Collector,
    pub(super) gc_heap: GcHeap,
}

/// What was asked of garbage-collected heaps, which do not exist yet. What was not asked is as for linear memories.
#[derive(Clone, Debug, Default)]
pub(super) struct GcHeap {
    pub(super) initial_size: u64,
    pub(super) reservation: Option<u64>,
    pub(super) guard_size: Option<u64>,
    pub(super) reservation_for_growth: Option<u64>,
    pub(super) may_move: Option<bool>,
}

impl Default for Memories {
    fn default() -> Self {
        Memories {
            init_cow: true,
            force_init_memfd: false,
            dense_image_size: 16 << 20,
            table_lazy_init: true,
            shared: false,
            maker: None,
            collector: Collector::Auto,
            gc_heap: GcHeap::default(),
        }
    }
}

impl Config {
    /// Lets the embedder make guests' memories.
    pub(crate) fn set_memory_maker(&mut self, maker: Arc<dyn MemoryMaker>) -> &mut Self {
        self.memory.maker = Some(maker);
        self
    }

    /// Bytes of address space reserved for each linear memory, 4 GiB by default, rounded up to 64 KiB.
    ///
    /// A memory grows inside its reservation without moving. With reservation and guard covering whatever a 32-bit
    /// index can reach, accesses need no bounds checks.
    pub fn memory_reservation(&mut self, bytes: u64) -> &mut Self {
        self.tunables.memory_reservation = bytes;
        self
    }

    /// Whether a memory that outgrows its reservation may be moved, rather than growing failing. On by default.
    ///
    /// A move copies, in one piece, what the guest has written: that takes as long as a copy does, up to half a second
    /// for each GiB, and neither fuel nor epochs interrupt it. With the default reservation no memory that 32-bit indices
    /// reach is ever moved; where reservations are smaller, a limit to the memories' size bounds that time too.
    pub fn memory_may_move(&mut self, enable: bool) -> &mut Self {
        self.tunables.memory_may_move = enable;
        self
    }

    /// Bytes of inaccessible address space behind each linear memory, 32 MiB by default, rounded up to 64 KiB. It lets
    /// bounds checks ignore constant offsets up to its size.
    pub fn memory_guard_size(&mut self, bytes: u64) -> &mut Self {
        self.tunables.memory_guard_size = bytes;
        self
    }

    /// Bytes of address space reserved, beyond a memory's size, when it is moved or does not fit the usual
    /// reservation: 2 GiB by default, rounded up to 64 KiB.
    pub fn memory_reservation_for_growth(&mut self, bytes: u64) -> &mut Self {
        self.tunables.memory_reservation_for_growth = bytes;
        self
    }

    /// Whether there is also a guard before each linear memory, as defence against miscompiled negative offsets. On by
    /// default.
    pub fn guard_before_linear_memory(&mut self, enable: bool) -> &mut Self {
        self.tunables.guard_before_linear_memory = enable;
        self
    }

    /// Whether memories may start as copy-on-write images of their data. A hint, on by default; guests see no
    /// difference.
    pub fn memory_init_cow(&mut self, enable: bool) -> &mut Self {
        self.memory.init_cow = enable;
        self
    }

    /// Whether such images are always in anonymous files. A hint, off by default; guests see no difference.
    pub fn force_memory_init_memfd(&mut self, enable: bool) -> &mut Self {
        self.memory.force_init_memfd = enable;
        self
    }

    /// Bytes up to which such images may be padded with zeros. A hint, 16 MiB by default; guests see no difference.
    pub fn memory_guaranteed_dense_image_size(&mut self, size_in_bytes: u64) -> &mut Self {
        self.memory.dense_image_size = size_in_bytes;
        self
    }

    /// Whether tables' function references may be made when they are first used. A hint, on by default; guests see no
    /// difference.
    pub fn table_lazy_init(&mut self, table_lazy_init: bool) -> &mut Self {
        self.memory.table_lazy_init = table_lazy_init;
        self
    }

    /// Whether memories shared between threads may be created. Off by default; not implemented yet, and refused by
    /// `Engine::new`.
    pub fn shared_memory(&mut self, enable: bool) -> &mut Self {
        self.memory.shared = enable;
        self
    }

    /// Which garbage collector guests' heaps use. There are no such heaps yet, so that it has no effect.
    pub fn collector(&mut self, collector: Collector) -> &mut Self {
        self.memory.collector = collector;
        self
    }

    /// As [`Config::memory_reservation`], for garbage-collected heaps. There are none yet, so that it has no effect.
    pub fn gc_heap_reservation(&mut self, bytes: u64) -> &mut Self {
        self.memory.gc_heap.reservation = Some(bytes);
        self
    }

    /// Bytes that garbage-collected heaps start with. There are none yet, so that it has no effect.
    pub fn gc_heap_initial_size(&mut self, bytes: u64) -> &mut Self {
        self.memory.gc_heap.initial_size = bytes;
        self
    }

    /// As [`Config::memory_guard_size`], for garbage-collected heaps. There are none yet, so that it has no effect.
    pub fn gc_heap_guard_size(&mut self, bytes: u64) -> &mut Self {
        self.memory.gc_heap.guard_size = Some(bytes);
        self
    }

    /// As [`Config::memory_reservation_for_growth`], for garbage-collected heaps. There are none yet, so that it has
    /// no effect.
    pub fn gc_heap_reservation_for_growth(&mut self, bytes: u64) -> &mut Self {
        self.memory.gc_heap.reservation_for_growth = Some(bytes);
        self
    }

    /// As [`Config::memory_may_move`], for garbage-collected heaps. There are none yet, so that it has no effect.
    pub fn gc_heap_may_move(&mut self, enable: bool) -> &mut Self {
        self.memory.gc_heap.may_move = Some(enable);
        self
    }
}
