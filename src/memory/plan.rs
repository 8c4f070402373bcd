//! How a linear memory is laid out in address space. The compiler derives from it which bounds checks it may leave out,
//! the runtime what it must map; both read this one function.
//!
//! ```text
//! | guard (optional) | accessible .. | reserved, inaccessible .. | guard |
//!                    ^ base                                     ^ base + reservation
//! ```

use crate::code::Tunables;
use crate::wasm::MemoryDesc;

/// The layout of every memory of one type under given settings.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct MemoryPlan {
    /// Bytes of address space from the base that belong to the memory for its whole life, at least.
    pub(crate) reservation: u64,
    /// Inaccessible bytes behind the reservation.
    pub(crate) guard: u64,
    /// Whether the base address may change when the memory grows.
    pub(crate) may_move: bool,
}

impl MemoryPlan {
    /// The plan for a memory. For an imported memory the declared type is weaker than the actual one, which only makes
    /// the plan more careful.
    pub(crate) fn new(desc: &MemoryDesc, tunables: &Tunables) -> Self {
        let reservation = tunables.memory_reservation;
        MemoryPlan {
            reservation,
            guard: tunables.memory_guard_size,
            may_move: tunables.memory_may_move && desc.max_bytes() > reservation,
        }
    }

    /// Whether an access of `size` bytes at `index + offset`, for any 32-bit `index`, stays inside reservation and guard,
    /// so that a fault is the bounds check.
    pub(crate) fn covers_any_u32_index(&self, offset: u64, size: u64) -> bool {
        let end = u64::from(u32::MAX)
            .saturating_add(offset)
            .saturating_add(size);
        end <= self.reservation.saturating_add(self.guard)
    }
}
