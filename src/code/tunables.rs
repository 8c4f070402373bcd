//! Settings that change generated code, or that generated code relies on. They are part of an artifact's identity.

use serde::{Deserialize, Serialize};

/// The settings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Tunables {
    /// Count fuel.
    pub(crate) consume_fuel: bool,
    /// What an operator costs.
    pub(crate) operator_cost: CostTable,
    /// Check the epoch at function entries and loop headers.
    pub(crate) epoch_interruption: bool,
    /// Whether traps may come as signals; otherwise every check is explicit.
    pub(crate) signals_based_traps: bool,
    /// Bytes of address space reserved for a memory, not counting guards.
    pub(crate) memory_reservation: u64,
    /// Bytes of guard after a memory's reservation.
    pub(crate) memory_guard_size: u64,
    /// Extra bytes reserved behind a memory that may move, to grow into.
    pub(crate) memory_reservation_for_growth: u64,
    /// Whether a memory that outgrows its reservation may be moved.
    pub(crate) memory_may_move: bool,
    /// Also put a guard before the memory.
    pub(crate) guard_before_linear_memory: bool,
    /// Lay code out by the module's branch hints.
    pub(crate) branch_hinting: bool,
    /// Keep the pc -> wasm offset map.
    pub(crate) generate_address_map: bool,
    /// Relaxed vector operators have the same results on every machine.
    pub(crate) relaxed_simd_deterministic: bool,
}

impl Default for Tunables {
    fn default() -> Self {
        Tunables {
            consume_fuel: false,
            operator_cost: CostTable::default(),
            epoch_interruption: false,
            signals_based_traps: true,
            memory_reservation: 4 << 30,
            memory_guard_size: 32 << 20,
            memory_reservation_for_growth: 2 << 30,
            memory_may_move: true,
            guard_before_linear_memory: true,
            branch_hinting: false,
            generate_address_map: true,
            relaxed_simd_deterministic: false,
        }
    }
}

/// Fuel per operator. Being at function entry costs one unit more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct CostTable {
    /// Units for `nop`, `drop`, `block`, `loop`, `unreachable`, `return`, `else`, `end`.
    pub(crate) structural: u8,
    /// Units for every other operator.
    pub(crate) other: u8,
    /// Units per byte of `memory.copy`, `memory.fill`, `memory.init`.
    pub(crate) per_byte: u8,
    /// Units per element of `table.copy`, `table.fill`, `table.init`, `table.grow`.
    pub(crate) per_element: u8,
}

impl Default for CostTable {
    fn default() -> Self {
        CostTable {
            structural: 0,
            other: 1,
            per_byte: 1,
            per_element: 1,
        }
    }
}
