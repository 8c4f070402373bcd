//! Guests' memories from the embedder.

#![expect(unsafe_code, reason = "an unsafe trait for embedders to implement")]

use super::MemoryType;
use crate::engine::Config;
use crate::memory::host::LinearMemory;
use crate::memory::{MemoryMaker, Wanted};
use crate::wasm::MemoryDesc;
use crate::{Result, format_err};
use std::sync::Arc;

/// Makes the memories that guests define: see [`Config::with_host_memory`].
///
/// # Safety
///
/// What it makes keeps the promises of [`LinearMemory`].
pub unsafe trait MemoryCreator: Send + Sync {
    /// Makes a memory of `minimum` bytes, all zero, and never more than `maximum`.
    ///
    /// It has address space for `reserved_size_in_bytes` bytes in all, always given, and as many bytes behind those that
    /// fault as `guard_size_in_bytes` says. Both are whole pages and come from
    /// [`Config::memory_reservation`] and [`Config::memory_guard_size`]; a memory that is larger than its reservation, or
    /// becomes so, has the guard behind its capacity instead.
    ///
    /// # Errors
    ///
    /// There is no such memory to be had; instantiation fails with this message.
    fn new_memory(
        &self,
        ty: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved_size_in_bytes: Option<usize>,
        guard_size_in_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, String>;
}

impl Config {
    /// Takes the memories that guests define from the embedder. Those that the host makes, by
    /// [`Memory::new`](crate::Memory::new) for instance, are not affected.
    ///
    /// A memory that is not what was asked for, as far as that can be told without touching it, is an error of the
    /// instantiation or the growth.
    pub fn with_host_memory(&mut self, mem_creator: Arc<dyn MemoryCreator>) -> &mut Self {
        self.set_memory_maker(Arc::new(Maker(mem_creator)))
    }
}

/// A creator as the rooms below know it.
struct Maker(Arc<dyn MemoryCreator>);

impl MemoryMaker for Maker {
    fn make(&self, desc: &MemoryDesc, wanted: &Wanted) -> Result<Box<dyn LinearMemory>> {
        self.0
            .new_memory(
                MemoryType::from_desc(desc),
                wanted.min,
                wanted.max,
                Some(wanted.reservation),
                wanted.guard,
            )
            .map_err(|message| format_err!("{message}"))
    }
}

#[cfg(all(test, feature = "cranelift", feature = "wat"))]
#[path = "creator_tests.rs"]
mod tests;
