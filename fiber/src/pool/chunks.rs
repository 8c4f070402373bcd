//! Slots in big mappings: from an index to an address.
//!
//! ```text
//! chunk 0          +-------+--------+-------+--------+ ... one mapping
//!                  | guard | slot 0 | guard | slot 1 |
//!                  +-------+--------+-------+--------+
//! chunk 1, twice as many slots, and so on to a bound
//!
//! index = chunk << 16 | slot in the chunk
//! ```
//!
//! Chunks are added and never taken away while the pool lives, so an index
//! once handed out always has a record and a node. Guards are put in place
//! one by one, when a slot is used for the first time.

use std::io;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use super::free_list::Nodes;
use super::shared::{PoolHome, Shared};
use crate::os::Mapping;
use crate::stack::{Slot, StackLayout};

const SLOT_BITS: u32 = 16;
const MAX_CHUNKS: u32 = 512;
const FIRST_CHUNK: u32 = 64;
const LARGEST_CHUNK: u32 = 8192;

#[derive(Debug)]
struct Chunk {
    slots: Box<[PoolSlot]>,
    /// What the slots lie in; unmapped on drop.
    mapping: Mapping,
}

/// A stack's record and its place in the free lists, side by side: whoever
/// takes a slot reads both.
#[derive(Debug)]
struct PoolSlot {
    node: AtomicU64,
    stack: Slot,
}

/// All chunks of a pool.
#[derive(Debug)]
pub(super) struct Chunks {
    layout: StackLayout,
    table: Box<[OnceLock<Chunk>]>,
}

/// Slots that were never used, and how to get more; behind the pool's lock.
#[derive(Debug)]
pub(super) struct Growth {
    /// Indices of the last chunk that have no guard yet.
    unused: std::ops::Range<u32>,
    next_chunk: u32,
    next_slots: u32,
    /// Slots handed out at least once.
    pub(super) created: u32,
    /// Bytes of address space of all chunks.
    pub(super) mapped: usize,
}

impl Growth {
    pub(super) fn new() -> Self {
        Self {
            unused: 0..0,
            next_chunk: 0,
            next_slots: FIRST_CHUNK,
            created: 0,
            mapped: 0,
        }
    }
}

impl Chunks {
    pub(super) fn new(layout: StackLayout) -> Self {
        Self {
            layout,
            table: (0..MAX_CHUNKS).map(|_| OnceLock::new()).collect(),
        }
    }

    #[inline]
    pub(super) fn layout(&self) -> StackLayout {
        self.layout
    }

    /// The record of a slot's stack.
    #[inline]
    pub(super) fn stack(&self, index: u32) -> &Slot {
        &self.find(index).stack
    }

    /// Makes a slot that was never used before, guard in place; at most
    /// `room` more are ever wanted. `pool` is whose chunks these are.
    pub(super) fn create(
        &self,
        growth: &mut Growth,
        room: u32,
        pool: NonNull<Shared>,
    ) -> io::Result<u32> {
        if growth.unused.is_empty() {
            self.add_chunk(growth, room, pool)?;
        }
        let index = growth.unused.start;
        let chunk = self.chunk(index);
        let base = self.stack(index).base();
        // SAFETY: the slot lies in its chunk and has never been handed out,
        // so nothing lives there.
        unsafe { self.layout.protect(&chunk.mapping, base) }?;
        growth.unused.start += 1;
        growth.created += 1;
        Ok(index)
    }

    fn add_chunk(&self, growth: &mut Growth, room: u32, pool: NonNull<Shared>) -> io::Result<()> {
        let entry = self.table.get(growth.next_chunk as usize).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::OutOfMemory,
                format!("the stack pool has all its {MAX_CHUNKS} chunks in use"),
            )
        })?;
        let (slots, mapping) = self.map_slots(growth.next_slots.min(room.max(1)))?;
        growth.mapped += mapping.len();
        let first = growth.next_chunk << SLOT_BITS;
        let record = |slot: u32| {
            // SAFETY: the mapping is as long as its slots together.
            let base = unsafe { mapping.base().add(slot as usize * self.layout.stride()) };
            let home = PoolHome::new(pool, first + slot);
            PoolSlot {
                node: AtomicU64::new(0),
                // SAFETY: the chunk keeps the mapping beside the record.
                stack: unsafe { Slot::pooled(base, self.layout, home) },
            }
        };
        entry
            .set(Chunk {
                slots: (0..slots).map(record).collect(),
                mapping,
            })
            .expect("chunks are added one by one, under the pool's lock");
        growth.unused = first..first + slots;
        growth.next_chunk += 1;
        growth.next_slots = slots.saturating_mul(2).clamp(1, LARGEST_CHUNK);
        Ok(())
    }

    /// Maps `slots` slots, or as many as the system gives: big stacks or a
    /// limited address space may leave room for fewer.
    fn map_slots(&self, mut slots: u32) -> io::Result<(u32, Mapping)> {
        let stride = self.layout.stride();
        loop {
            let error = match stride.checked_mul(slots as usize).map(Mapping::new) {
                Some(Ok(mapping)) => return Ok((slots, mapping)),
                Some(Err(error)) => error,
                None => io::ErrorKind::OutOfMemory.into(),
            };
            if slots == 1 {
                return Err(io::Error::new(
                    error.kind(),
                    format!("cannot map {stride} bytes: {error}"),
                ));
            }
            slots /= 2;
        }
    }

    #[inline]
    fn chunk(&self, index: u32) -> &Chunk {
        self.table[(index >> SLOT_BITS) as usize]
            .get()
            .expect("an index comes from an existing chunk")
    }

    #[inline]
    fn find(&self, index: u32) -> &PoolSlot {
        &self.chunk(index).slots[(index & ((1 << SLOT_BITS) - 1)) as usize]
    }
}

/// The nodes of a pool's slots, by pointer: while a slot is being pushed,
/// nothing may promise that the pool outlives the push.
#[derive(Clone, Copy)]
pub(super) struct ChunkNodes(NonNull<Chunks>);

impl ChunkNodes {
    /// # Safety
    ///
    /// The chunks live while nodes are asked for: as long as a handle lives,
    /// or a slot is out that has not been pushed yet.
    #[inline]
    pub(super) unsafe fn new(chunks: &Chunks) -> Self {
        Self(NonNull::from(chunks))
    }
}

impl Nodes for ChunkNodes {
    #[inline]
    fn node(&self, index: u32) -> &AtomicU64 {
        // SAFETY: `new`'s caller vouches that the chunks still live.
        &unsafe { self.0.as_ref() }.find(index).node
    }
}

const _: () = {
    assert!(LARGEST_CHUNK <= 1 << SLOT_BITS);
    assert!(MAX_CHUNKS << SLOT_BITS <= super::free_list::INDEX_LIMIT);
};
