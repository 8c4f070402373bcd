//! Interruption: fuel and epochs.
//!
//! # Fuel
//!
//! `VmStore::fuel` counts up and has run out when it is not negative. A function keeps the count in a variable: it loads
//! it on entry, saves it before whatever may look at it (calls, returns, `unreachable`, builtins that charge) and loads
//! it again afterwards. The costs of a straight run of operators are summed at compile time and added where the run ends:
//! before branches, `loop`, `if`, `else`, `end`, calls, returns and traps that certainly happen. Function entries and
//! loop headers ask whether any fuel is left.
//!
//! | operation | who charges per unit | who asks afterwards |
//! |---|---|---|
//! | bulk operation of constant length that costs at most [`SMALL_COST`] | code | nobody |
//! | any other bulk operation | the builtin | the builtin, even of length zero |
//! | `memory.grow` of a constant delta | nobody | nobody |
//! | `memory.grow` of any other delta | nobody | code, before the call |
//!
//! # Epochs
//!
//! Function entries and loop headers load the engine's epoch and call a builtin once it reaches the store's deadline.
//! The load is atomic, because the compiler may merge plain loads of one address; it also keeps the deadline's load,
//! which follows it, from being merged with an earlier one.

use super::{Body, Region, at};
use crate::abi::builtins::{ALREADY_CHARGED, Builtin};
use crate::abi::{VmContext, VmStore};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::Variable;
use wasmparser::Operator;

/// A bulk operation of constant length that costs no more than this goes unchecked.
const SMALL_COST: u64 = 128;

/// The count of a function.
pub(super) struct Fuel {
    /// Caches `VmStore::fuel`.
    count: Variable,
    /// Spent, but not yet added to the variable.
    pending: i64,
}

impl Body<'_, '_> {
    /// Loads the count and charges for the entry.
    pub(super) fn start_fuel(&mut self) {
        if self.env.tunables.consume_fuel {
            let count = self.builder.declare_var(types::I64);
            self.fuel = Some(Fuel { count, pending: 1 });
            self.load_fuel();
        }
    }

    /// Charges for an operator that is about to be translated.
    pub(super) fn fuel_before(&mut self, op: &Operator<'_>) {
        let Some(fuel) = &mut self.fuel else { return };
        let costs = &self.env.tunables.operator_cost;
        fuel.pending += i64::from(match op {
            Operator::Nop
            | Operator::Drop
            | Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::Unreachable
            | Operator::Return
            | Operator::Else
            | Operator::End => costs.structural,
            _ => costs.other,
        });
        match op {
            Operator::Unreachable
            | Operator::Return
            | Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => self.save_fuel(),
            Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. } => self.add_pending_fuel(),
            // What may trap is not accounted for; a `block` is part of the straight run around it.
            _ => {}
        }
    }

    /// Adds what was summed up to the count.
    fn add_pending_fuel(&mut self) {
        let Some(fuel) = &mut self.fuel else { return };
        let pending = std::mem::take(&mut fuel.pending);
        if pending != 0 {
            let count = self.builder.use_var(fuel.count);
            let count = self.builder.ins().iadd_imm_s(count, pending);
            self.builder.def_var(fuel.count, count);
        }
    }

    /// Makes the count visible to the runtime and to callees.
    pub(super) fn save_fuel(&mut self) {
        self.add_pending_fuel();
        let Some(Fuel { count, .. }) = self.fuel else {
            return;
        };
        let store = self.store_ptr();
        let flags = self.flags(Region::Store);
        let count = self.builder.use_var(count);
        self.builder
            .ins()
            .store(flags, count, store, at(VmStore::OFFSET_FUEL));
    }

    /// Takes over what others have counted.
    pub(super) fn load_fuel(&mut self) {
        let Some(Fuel { count: var, .. }) = self.fuel else {
            return;
        };
        let store = self.store_ptr();
        let flags = self.flags(Region::Store);
        let count = self
            .builder
            .ins()
            .load(types::I64, flags, store, at(VmStore::OFFSET_FUEL));
        self.builder.def_var(var, count);
    }

    /// At function entries and loop headers: stops if the fuel is spent or the epoch's deadline reached.
    pub(super) fn check_interrupts(&mut self) {
        self.check_fuel();
        self.check_epoch();
    }

    fn check_fuel(&mut self) {
        self.add_pending_fuel();
        let Some(Fuel { count, .. }) = self.fuel else {
            return;
        };
        let count = self.builder.use_var(count);
        let spent = self
            .builder
            .ins()
            .icmp_imm_s(IntCC::SignedGreaterThanOrEqual, count, 0);
        self.interrupt_if(spent, Builtin::OutOfFuel);
    }

    fn check_epoch(&mut self) {
        if !self.env.tunables.epoch_interruption {
            return;
        }
        let address = self.load_constant(self.vmctx, VmContext::OFFSET_EPOCH);
        let now = self
            .builder
            .ins()
            .atomic_load(types::I64, MemFlagsData::trusted(), address);
        let store = self.store_ptr();
        let flags = self.flags(Region::Store);
        let deadline =
            self.builder
                .ins()
                .load(types::I64, flags, store, at(VmStore::OFFSET_EPOCH_DEADLINE));
        let due = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, now, deadline);
        self.interrupt_if(due, Builtin::NewEpoch);
    }

    /// Calls a cold builtin, which may give the thread away and may change the fuel.
    fn interrupt_if(&mut self, condition: Value, builtin: Builtin) {
        let cold = self.builder.create_block();
        let next = self.builder.create_block();
        self.builder.set_cold_block(cold);
        self.builder.ins().brif(condition, cold, &[], next, &[]);
        self.builder.seal_block(cold);
        self.builder.switch_to_block(cold);
        self.save_fuel();
        self.call_builtin(builtin, &[]);
        self.load_fuel();
        self.builder.ins().jump(next, &[]);
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }

    /// Calls a builtin whose work grows with `units`: `index` becomes its first parameter, `args` follow.
    pub(super) fn call_bulk(
        &mut self,
        builtin: Builtin,
        index: u32,
        args: &[Value],
        units: Value,
        cost_per_unit: u8,
    ) -> Option<Value> {
        let small = self
            .as_constant(units)
            .and_then(|units| units.checked_mul(u64::from(cost_per_unit)))
            .filter(|&cost| cost <= SMALL_COST);
        let index = match small {
            Some(_) => index | ALREADY_CHARGED.cast_unsigned(),
            None => index,
        };
        let index = self.i32_const(index);
        let mut all = smallvec::SmallVec::<[Value; 8]>::new();
        all.push(index);
        all.extend_from_slice(args);
        match small {
            Some(cost) => {
                if let Some(fuel) = &mut self.fuel {
                    fuel.pending += cost.cast_signed();
                }
                self.call_builtin(builtin, &all)
            }
            None => {
                self.save_fuel();
                let result = self.call_builtin(builtin, &all);
                self.load_fuel();
                result
            }
        }
    }
}
