//! Linear memories whose storage the embedder supplies.
//!
//! ```text
//! | accessible: byte_size | inaccessible: up to what was asked for, or byte_capacity if that is more | guard |
//! ^ as_ptr                                                                                                   ^
//! ```
//!
//! What machine code relies on is the [`MemoryPlan`] that it was compiled for, and the embedder promises to keep it by
//! implementing an unsafe trait. What can be looked at without touching the memory is looked at all the same, so that a
//! mistake is an error where it is made and not a wild access later.

use super::MemoryPlan;
use crate::abi::VmMemory;
use crate::code::Tunables;
use crate::error::{Context, Result, ensure, format_err};
use crate::os;
use crate::wasm::MemoryDesc;
use std::fmt;
use std::ops::Range;

/// The storage of one linear memory, made by a [`MemoryCreator`](crate::MemoryCreator).
///
/// # Safety
///
/// Guests access this memory without asking: on these promises the checks are left out that would be needed otherwise.
/// As long as the value lives,
///
/// - [`as_ptr`](Self::as_ptr) is a multiple of the system's page size, and changes in [`grow_to`](Self::grow_to) only:
///   never while the new size is at most [`byte_capacity`](Self::byte_capacity), and never at all if the reservation
///   that was asked for holds the largest size of the memory's type, or if
///   [`Config::memory_may_move`](crate::Config::memory_may_move) is off;
/// - [`byte_size`](Self::byte_size) bytes from there are readable, writable and used by nobody else;
/// - whatever lies behind them faults when it is accessed, up to the end of the guard that was asked for: it begins
///   behind the reservation that was asked for, or behind the capacity if that is larger;
/// - when `grow_to` fails, nothing has changed.
pub unsafe trait LinearMemory: Send + Sync + 'static {
    /// Bytes that are accessible now.
    fn byte_size(&self) -> usize;

    /// Bytes up to which the memory grows without moving.
    fn byte_capacity(&self) -> usize;

    /// Makes so many bytes accessible. Those that are new are zero.
    ///
    /// # Errors
    ///
    /// The memory cannot become so large. The guest sees a failed `memory.grow`.
    fn grow_to(&mut self, new_size: usize) -> Result<()>;

    /// Where byte 0 is.
    fn as_ptr(&self) -> *mut u8;
}

/// What makes the storage of guests' memories, if the embedder wants to.
pub(crate) trait MemoryMaker: Send + Sync {
    /// Asks for storage.
    ///
    /// # Errors
    ///
    /// The embedder's.
    fn make(&self, desc: &MemoryDesc, wanted: &Wanted) -> Result<Box<dyn LinearMemory>>;
}

impl fmt::Debug for dyn MemoryMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryMaker")
    }
}

/// Sizes in bytes that storage is asked to have.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) min: usize,
    pub(crate) max: Option<usize>,
    pub(crate) reservation: usize,
    pub(crate) guard: usize,
}

/// A linear memory in the embedder's storage.
pub(crate) struct HostMemory {
    desc: MemoryDesc,
    storage: Box<dyn LinearMemory>,
    wanted: Wanted,
    /// Whether machine code looks up the base after every call.
    may_move: bool,
    /// What the storage said last.
    seen: Seen,
    /// The size that the guest sees.
    len: usize,
}

/// What storage says of itself.
#[derive(Copy, Clone)]
struct Seen {
    base: *mut u8,
    size: usize,
    capacity: usize,
}

// SAFETY: the pointer is into the storage, which is `Send`.
unsafe impl Send for HostMemory {}
// SAFETY: as above for `Sync`; nothing is written through a shared reference.
unsafe impl Sync for HostMemory {}

impl fmt::Debug for HostMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostMemory")
            .field("desc", &self.desc)
            .field("base", &self.seen.base)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl HostMemory {
    /// Asks for a memory of its type's minimum size.
    ///
    /// # Errors
    ///
    /// The embedder's; or what came is not what was asked for.
    pub(crate) fn new(
        desc: &MemoryDesc,
        tunables: &Tunables,
        maker: &dyn MemoryMaker,
    ) -> Result<Self> {
        ensure!(!desc.shared, "shared memories are not implemented yet");
        let too_large = || {
            let min = desc.min;
            format_err!("memory minimum size of {min} pages exceeds memory limits")
        };
        let plan = MemoryPlan::new(desc, tunables);
        let min = desc.min_bytes().filter(|&min| min <= desc.max_bytes());
        let wanted = Wanted {
            min: min
                .and_then(|min| usize::try_from(min).ok())
                .ok_or_else(too_large)?,
            max: desc
                .max
                .and_then(|_| usize::try_from(desc.max_bytes()).ok()),
            reservation: usize::try_from(plan.reservation)?,
            guard: usize::try_from(plan.guard)?,
        };
        let storage = maker.make(desc, &wanted)?;
        let seen = Seen::check(&*storage, wanted)?;
        ensure!(
            seen.size == wanted.min,
            "a memory creator made a memory of {} bytes instead of {}",
            seen.size,
            wanted.min
        );
        Ok(HostMemory {
            desc: *desc,
            storage,
            wanted,
            may_move: plan.may_move,
            seen,
            len: wanted.min,
        })
    }

    /// As `LinearMemory::base`.
    pub(super) fn base(&self) -> *mut u8 {
        self.seen.base
    }

    /// As `LinearMemory::byte_len`.
    pub(super) fn byte_len(&self) -> usize {
        self.len
    }

    /// As `LinearMemory::desc`.
    pub(super) fn desc(&self) -> &MemoryDesc {
        &self.desc
    }

    /// As `LinearMemory::vm`.
    pub(super) fn vm(&self) -> VmMemory {
        VmMemory {
            base: self.seen.base,
            len: self.len,
        }
    }

    /// As `LinearMemory::range_of_reservation`, by the embedder's word.
    pub(super) fn range_of_reservation(&self) -> Range<usize> {
        let base = self.seen.base.addr();
        // `Seen::check` has added these before.
        let whole = self.wanted.reservation.max(self.seen.capacity) + self.wanted.guard;
        base..base + whole
    }

    /// As `LinearMemory::grow_to`.
    ///
    /// # Errors
    ///
    /// The size is not one that the memory can have, the embedder's error, or the storage is not what it should be
    /// afterwards. Where it is has to be looked up in either case.
    pub(super) fn grow_to(&mut self, new_len: usize) -> Result<()> {
        let page = self.desc.page_size();
        ensure!(
            new_len >= self.len && (new_len as u64).is_multiple_of(page),
            "a memory of {} bytes cannot become {new_len} bytes",
            self.len
        );
        let max = self.desc.max_bytes();
        ensure!(
            new_len as u64 <= max,
            "a memory of at most {max} bytes cannot grow to {new_len} bytes"
        );
        self.storage.grow_to(new_len)?;
        let before = self.seen;
        let now = Seen::check(&*self.storage, self.wanted)?;
        let may_move = self.may_move && new_len > before.capacity;
        ensure!(
            now.base == before.base || may_move,
            "a memory creator's memory has moved although it must not"
        );
        self.seen = now;
        ensure!(
            now.size == new_len,
            "a memory creator's memory has grown to {} bytes instead of {new_len}",
            now.size
        );
        self.len = new_len;
        Ok(())
    }
}

impl Seen {
    /// Looks at storage, and refuses what cannot be a memory.
    fn check(storage: &dyn LinearMemory, wanted: Wanted) -> Result<Seen> {
        let seen = Seen {
            base: storage.as_ptr(),
            size: storage.byte_size(),
            capacity: storage.byte_capacity(),
        };
        ensure!(
            !seen.base.is_null() && seen.base.addr().is_multiple_of(os::page_size()),
            "a memory creator's memory is at {:?}, which is not the beginning of a page",
            seen.base
        );
        ensure!(
            seen.size <= seen.capacity,
            "a memory creator's memory has {} bytes, which is more than its capacity of {}",
            seen.size,
            seen.capacity
        );
        let whole = wanted.reservation.max(seen.capacity);
        whole
            .checked_add(wanted.guard)
            .and_then(|whole| seen.base.addr().checked_add(whole))
            .context("a memory creator's memory and its guard exceed the address space")?;
        Ok(seen)
    }
}
