//! Traps: the one place that emits them.
//!
//! | what | with signals | with signals and fuel | without signals |
//! |---|---|---|---|
//! | a trap that certainly happens | raise | raise | raise |
//! | a condition | an instruction that faults | branch, raise | branch, raise |
//! | an access to memory, a table, a function reference | faults by itself | faults by itself | branch, raise |
//!
//! To raise is to call a trampoline per trap, which does not come back. It costs a tenth of what a fault costs, and finds
//! the count of fuel in the frame's slot. For instructions that fault while fuel is counted, it is recorded where the
//! count is ([`Body::note_fault`]).

use super::Body;
use crate::abi::{VmStore, encode_trap};
use crate::compile::symbol::Symbol;
use crate::wasm::Trap;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, TrapCode, Value};

/// The code under which Cranelift records a trap. Those that it emits by itself have codes of its own.
pub(in crate::compile) fn clif_code(trap: Trap) -> TrapCode {
    match trap {
        Trap::StackOverflow => TrapCode::STACK_OVERFLOW,
        Trap::MemoryOutOfBounds => TrapCode::HEAP_OUT_OF_BOUNDS,
        Trap::IntegerOverflow => TrapCode::INTEGER_OVERFLOW,
        Trap::IntegerDivisionByZero => TrapCode::INTEGER_DIVISION_BY_ZERO,
        Trap::BadConversionToInteger => TrapCode::BAD_CONVERSION_TO_INTEGER,
        _ => TrapCode::unwrap_user(encode_trap(trap)),
    }
}

/// The access whose fault a trap code stands for, where accesses are told apart.
///
/// Cranelift may make the access part of the instruction that uses what was loaded, which then has that operator's
/// position. Its code stays with it: neighbouring accesses have different marks.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(in crate::compile) struct Marked {
    pub(in crate::compile) trap: Trap,
    /// Below [`Marked::COUNT`].
    pub(in crate::compile) mark: u8,
}

impl Marked {
    pub(in crate::compile) const COUNT: u8 = 64;
    /// Behind the codes of plain traps.
    const FIRST: u8 = 64;

    pub(in crate::compile) fn to_clif(self) -> TrapCode {
        let table = u8::from(self.trap == Trap::TableOutOfBounds);
        TrapCode::unwrap_user(Marked::FIRST + table * Marked::COUNT + self.mark)
    }

    pub(in crate::compile) fn from_clif(code: TrapCode) -> Option<Marked> {
        let code = code.as_raw().get().checked_sub(Marked::FIRST)?;
        let trap = match code / Marked::COUNT {
            0 => Trap::MemoryOutOfBounds,
            1 => Trap::TableOutOfBounds,
            _ => return None,
        };
        Some(Marked {
            trap,
            mark: code % Marked::COUNT,
        })
    }
}

impl Body<'_, '_> {
    /// The trap code of an access that is about to be made and may fault; none without signals.
    pub(super) fn fault_code(&mut self, trap: Trap) -> Option<TrapCode> {
        if !self.signals() {
            return None;
        }
        Some(match self.note_fault() {
            Some(mark) => Marked { trap, mark }.to_clif(),
            None => clif_code(trap),
        })
    }

    /// Whether a faulting instruction may be a trap.
    pub(super) fn signals(&self) -> bool {
        self.env.tunables.signals_based_traps
    }

    /// Whether a condition that traps is a branch: without signals, and where the count of fuel must be saved first.
    pub(super) fn branches_to_traps(&self) -> bool {
        !self.signals() || self.fuel.is_some()
    }

    /// Traps; what follows cannot be reached.
    pub(super) fn trap(&mut self, trap: Trap) {
        self.raise(trap);
        self.stacks.reachable = false;
    }

    /// Traps if the condition is not zero.
    pub(super) fn trap_if(&mut self, condition: Value, trap: Trap) {
        if !self.branches_to_traps() {
            self.builder.ins().trapnz(condition, clif_code(trap));
            return;
        }
        let raise = self.builder.create_block();
        let next = self.builder.create_block();
        self.builder.set_cold_block(raise);
        self.builder.ins().brif(condition, raise, &[], next, &[]);
        self.builder.seal_block(raise);
        self.builder.seal_block(next);
        self.builder.switch_to_block(raise);
        self.raise(trap);
        self.builder.switch_to_block(next);
    }

    /// Traps if the value is zero.
    pub(super) fn trap_if_zero(&mut self, value: Value, trap: Trap) {
        if !self.branches_to_traps() {
            self.builder.ins().trapz(value, clif_code(trap));
            return;
        }
        let zero = self.builder.ins().icmp_imm_u(IntCC::Equal, value, 0);
        self.trap_if(zero, trap);
    }

    /// Ends the block by raising a trap.
    fn raise(&mut self, trap: Trap) {
        self.spill_fuel();
        let callee = self.trampoline(Symbol::Raise(encode_trap(trap)));
        self.builder.ins().call(callee, &[]);
        // Not reached.
        self.builder.ins().trap(clif_code(trap));
    }

    /// Without signals, checks the stack pointer on entry; with them, the prologue does it. The frame is there already, so
    /// its size is bounded (`compile::limits`).
    pub(super) fn check_stack(&mut self) {
        if self.signals() {
            return;
        }
        let store = self.store_ptr();
        let flags = self.flags(super::Region::Store);
        let limit = self.builder.ins().load(
            super::POINTER,
            flags,
            store,
            super::at(VmStore::OFFSET_STACK_LIMIT),
        );
        let pointer = self.builder.ins().get_stack_pointer(super::POINTER);
        let over = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedLessThan, pointer, limit);
        self.trap_if(over, Trap::StackOverflow);
    }
}
