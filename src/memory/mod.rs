//! Linear memories and tables: how much address space they reserve, how they grow.
//!
//! This room must not know who owns a memory, nor anything of stores and instances.

#![expect(unsafe_code, reason = "raw reservations")]

mod any;
pub(crate) mod host;
mod linear;
mod plan;
mod table;

pub(crate) use any::AnyMemory;
pub(crate) use host::{HostMemory, MemoryMaker, Wanted};
pub(crate) use linear::LinearMemory;
pub(crate) use plan::MemoryPlan;
pub(crate) use table::TableMemory;
