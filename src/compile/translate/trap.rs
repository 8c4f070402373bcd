//! Traps: the one place that emits them.
//!
//! With signals a trap is an instruction that faults and whose code Cranelift records. Without, it is a branch to a cold
//! block that calls a builtin with the trap's code; what follows the call is never reached.

use super::Body;
use crate::abi::builtins::Builtin;
use crate::abi::{VmStore, encode_trap};
use crate::wasm::Trap;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, TrapCode, Value};

/// The code under which Cranelift records a trap. Those that it emits by itself have codes of its own.
pub(super) fn clif_code(trap: Trap) -> TrapCode {
    match trap {
        Trap::StackOverflow => TrapCode::STACK_OVERFLOW,
        Trap::MemoryOutOfBounds => TrapCode::HEAP_OUT_OF_BOUNDS,
        Trap::IntegerOverflow => TrapCode::INTEGER_OVERFLOW,
        Trap::IntegerDivisionByZero => TrapCode::INTEGER_DIVISION_BY_ZERO,
        Trap::BadConversionToInteger => TrapCode::BAD_CONVERSION_TO_INTEGER,
        _ => TrapCode::unwrap_user(encode_trap(trap)),
    }
}

impl Body<'_, '_> {
    /// Whether a faulting instruction may be a trap.
    pub(super) fn signals(&self) -> bool {
        self.env.tunables.signals_based_traps
    }

    /// Traps; what follows cannot be reached.
    pub(super) fn trap(&mut self, trap: Trap) {
        self.emit_trap(trap);
        self.stacks.reachable = false;
    }

    /// Traps if the condition is not zero.
    pub(super) fn trap_if(&mut self, condition: Value, trap: Trap) {
        if self.signals() {
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
        self.emit_trap(trap);
        self.builder.switch_to_block(next);
    }

    /// Traps if the value is zero.
    pub(super) fn trap_if_zero(&mut self, value: Value, trap: Trap) {
        if self.signals() {
            self.builder.ins().trapz(value, clif_code(trap));
            return;
        }
        let zero = self.builder.ins().icmp_imm_u(IntCC::Equal, value, 0);
        self.trap_if(zero, trap);
    }

    fn emit_trap(&mut self, trap: Trap) {
        if !self.signals() {
            let code = self.i32_const(u32::from(encode_trap(trap)));
            self.call_builtin(Builtin::RaiseTrap, &[code]);
        }
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
