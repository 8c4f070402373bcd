//! A linear memory, whoever supplies its storage.

use super::{HostMemory, LinearMemory};
use crate::Result;
use crate::abi::VmMemory;
use crate::wasm::MemoryDesc;
use std::ops::Range;

/// A linear memory.
#[derive(Debug)]
pub(crate) enum AnyMemory {
    /// In address space of its own.
    Own(LinearMemory),
    /// In the embedder's storage.
    Host(HostMemory),
}

impl From<LinearMemory> for AnyMemory {
    fn from(memory: LinearMemory) -> Self {
        AnyMemory::Own(memory)
    }
}

impl From<HostMemory> for AnyMemory {
    fn from(memory: HostMemory) -> Self {
        AnyMemory::Host(memory)
    }
}

macro_rules! both {
    ($self:expr, $memory:ident => $answer:expr) => {
        match $self {
            AnyMemory::Own($memory) => $answer,
            AnyMemory::Host($memory) => $answer,
        }
    };
}

impl AnyMemory {
    /// Where byte 0 is. It changes only in [`AnyMemory::grow_to`].
    pub(crate) fn base(&self) -> *mut u8 {
        both!(self, memory => memory.base())
    }

    /// The current size in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        both!(self, memory => memory.byte_len())
    }

    /// The type it was made for; `min` is the size it began with.
    pub(crate) fn desc(&self) -> &MemoryDesc {
        both!(self, memory => memory.desc())
    }

    /// What machine code needs to know; out of date after the next growth.
    pub(crate) fn vm(&self) -> VmMemory {
        both!(self, memory => memory.vm())
    }

    /// All addresses at which a fault is an access out of bounds. Out of date after the next growth.
    pub(crate) fn range_of_reservation(&self) -> Range<usize> {
        both!(self, memory => memory.range_of_reservation())
    }

    /// Makes the memory larger. New bytes are zero.
    ///
    /// # Errors
    ///
    /// It cannot become so large. Its size is what it was then.
    pub(crate) fn grow_to(&mut self, new_len: usize) -> Result<()> {
        both!(self, memory => memory.grow_to(new_len))
    }
}
