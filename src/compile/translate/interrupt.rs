//! Interruption: fuel and epochs.
//!
//! # Fuel
//!
//! The count goes up and has run out when it is not negative. It is a value of the function's: a parameter, passed on to
//! callees and returned by them, returned in the end. Only where the runtime looks at it, it is in memory:
//!
//! | who looks | where |
//! |---|---|
//! | host functions, whoever entered wasm | `VmStore::fuel`, moved by the trampolines |
//! | warm builtins that charge | `VmStore::fuel`, saved before and loaded after the call |
//! | cold builtins, raised traps | a slot of the frame, found by `FuncLoc::fuel_slot` |
//! | faulting instructions | wherever it is, found by `CodeTables::fuel` |
//!
//! Where how much is added is planned before ([`FuelPlan`]). Function entries and loop headers ask whether any fuel is
//! left.
//!
//! | operation | who charges per unit | who asks afterwards |
//! |---|---|---|
//! | bulk operation of constant length of which neither units nor cost exceed [`SMALL_COST`] | code | nobody |
//! | any other bulk operation | the builtin | the builtin, even of length zero |
//! | `memory.grow` of a constant delta | nobody | nobody |
//! | `memory.grow` of any other delta | nobody | code, before the call |
//!
//! # Epochs
//!
//! Function entries and loop headers look at one word of the store's alarm and call a cold builtin if it rings. The load is
//! an ordinary one; the compiler does not merge two of them because each is followed by a call, which may write anything.
//! A test looks for them in the optimised code.

use super::trap::Marked;
use super::{Body, FUEL_PARAM, POINTER, Region, at};
use crate::abi::builtins::{ALREADY_CHARGED, Builtin};
use crate::abi::{VmContext, VmStore};
use crate::compile::fuel::FuelPlan;
use crate::compile::symbol::Symbol;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    InstBuilder, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Value, types,
};
use cranelift_frontend::Variable;
use wasmparser::{FunctionBody, Operator};

/// A bulk operation of constant length that has no more units and costs no more than this goes unchecked.
const SMALL_COST: u64 = 128;

/// The count of a function.
pub(super) struct Fuel {
    count: Variable,
    /// None if the body is malformed, which validation finds out.
    plan: Option<FuelPlan>,
    /// The number of the operator that is translated; none before the first.
    operator: Option<u32>,
    metering: Metering,
}

/// What must be known of a function's fuel once its code exists.
#[derive(Default, Debug)]
pub(in crate::compile) struct Metering {
    /// Where cold builtins find the count.
    pub(in crate::compile) slot: Option<StackSlot>,
    /// What the count is where an instruction may fault, in the order of the operators.
    pub(in crate::compile) sites: Vec<FaultSite>,
    /// Values that are counts, at least one of each that is not a sum.
    pub(in crate::compile) counts: Vec<Value>,
}

/// The count at an operator that may fault.
#[derive(Copy, Clone, Debug)]
pub(in crate::compile) struct FaultSite {
    /// Byte offset of the operator.
    pub(in crate::compile) position: u32,
    pub(in crate::compile) count: Value,
    /// What has been spent, this operator included, but not added.
    pub(in crate::compile) owed: i64,
    /// Tells it from its neighbours, see [`Marked`].
    pub(in crate::compile) mark: u8,
}

impl Fuel {
    /// What the plan says of the operator.
    fn ask(&self, question: impl FnOnce(&FuelPlan, u32) -> i64) -> i64 {
        match (&self.plan, self.operator) {
            (Some(plan), Some(operator)) => question(plan, operator),
            _ => 0,
        }
    }

    pub(super) fn finish(self) -> Metering {
        self.metering
    }
}

impl Body<'_, '_> {
    /// Takes the count over from the caller.
    pub(super) fn declare_fuel(&mut self, body: &FunctionBody<'_>) {
        if !self.env.tunables.consume_fuel {
            return;
        }
        let entry = self.builder.func.layout.entry_block();
        let entry = entry.expect("was made first");
        let value = self.builder.block_params(entry)[FUEL_PARAM];
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3);
        let slot = self.builder.create_sized_stack_slot(slot);
        let count = self.builder.declare_var(types::I64);
        self.builder.def_var(count, value);
        self.fuel = Some(Fuel {
            count,
            plan: FuelPlan::new(body, &self.env.tunables.operator_cost),
            operator: None,
            metering: Metering {
                slot: Some(slot),
                ..Metering::default()
            },
        });
    }

    /// Charges for the entry of the function.
    pub(super) fn charge_entry(&mut self) {
        self.add_fuel(1);
    }

    /// Goes to the next operator, reachable or not.
    pub(super) fn next_operator(&mut self) {
        if let Some(fuel) = &mut self.fuel {
            fuel.operator = Some(fuel.operator.map_or(0, |operator| operator + 1));
        }
    }

    /// Fails if a body that is valid has no plan.
    pub(super) fn check_plan(&self) -> crate::Result<()> {
        match &self.fuel {
            Some(Fuel { plan: None, .. }) => Err(super::not_supported(&"fuel in this function")),
            _ => Ok(()),
        }
    }

    /// Charges for an operator that is about to be translated.
    pub(super) fn fuel_before(&mut self, op: &Operator<'_>) {
        match op {
            Operator::Return
            | Operator::Unreachable
            | Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::MemoryGrow { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. } => {
                let charge = self.fuel.as_ref().map(|fuel| fuel.ask(FuelPlan::before));
                self.add_fuel(charge.unwrap_or(0));
            }
            // Part of a straight run: what may trap is accounted for where it traps.
            _ => {}
        }
    }

    /// What is to be added on the way to the label of this depth.
    pub(super) fn fuel_taken(&self, depth: u32) -> i64 {
        let ask = |fuel: &Fuel| fuel.ask(|plan, operator| plan.taken(operator, depth));
        self.fuel.as_ref().map_or(0, ask)
    }

    /// What is to be added in the alternative of the `if` that ends here without one.
    pub(super) fn fuel_alternative(&self) -> i64 {
        let ask = |fuel: &Fuel| fuel.ask(FuelPlan::alternative);
        self.fuel.as_ref().map_or(0, ask)
    }

    /// Adds to the count, if there is one.
    pub(super) fn add_fuel(&mut self, charge: i64) {
        if let (Some(fuel), true) = (&mut self.fuel, charge != 0) {
            let count = self.builder.use_var(fuel.count);
            fuel.metering.counts.push(count);
            let count = self.builder.ins().iadd_imm_s(count, charge);
            self.builder.def_var(fuel.count, count);
        }
    }

    /// The count; none where fuel is not counted.
    pub(super) fn fuel_count(&mut self) -> Option<Value> {
        let count = self.fuel.as_ref()?.count;
        Some(self.builder.use_var(count))
    }

    /// Goes on with another count.
    pub(super) fn set_fuel_count(&mut self, value: Value) {
        if let Some(fuel) = &self.fuel {
            self.builder.def_var(fuel.count, value);
        }
    }

    /// Notes what the count is at an operator that may fault, and gives it a mark.
    pub(super) fn note_fault(&mut self) -> Option<u8> {
        let fuel = self.fuel.as_mut()?;
        let mark = fuel.metering.sites.len() % usize::from(Marked::COUNT);
        let mark = u8::try_from(mark).expect("below 64");
        let owed = fuel.ask(FuelPlan::owed);
        fuel.metering.sites.push(FaultSite {
            position: self.position,
            count: self.builder.use_var(fuel.count),
            owed,
            mark,
        });
        Some(mark)
    }

    /// Puts the count where cold builtins and raised traps find it.
    pub(super) fn spill_fuel(&mut self) {
        let Some(fuel) = &self.fuel else { return };
        let slot = fuel.metering.slot.expect("made with the count");
        let (count, owed) = (fuel.count, fuel.ask(FuelPlan::owed));
        let mut value = self.builder.use_var(count);
        if owed != 0 {
            value = self.builder.ins().iadd_imm_s(value, owed);
        }
        self.builder.ins().stack_store(POINTER, value, slot, 0);
    }

    /// Takes the count over from a cold builtin.
    fn unspill_fuel(&mut self) {
        let Some(fuel) = &self.fuel else { return };
        let slot = fuel.metering.slot.expect("made with the count");
        let value = self.builder.ins().stack_load(types::I64, POINTER, slot, 0);
        self.set_fuel_count(value);
    }

    /// Makes the count visible to a warm builtin.
    pub(super) fn save_fuel(&mut self) {
        let Some(count) = self.fuel_count() else {
            return;
        };
        let store = self.store_ptr();
        let flags = self.flags(Region::Store);
        self.builder
            .ins()
            .store(flags, count, store, at(VmStore::OFFSET_FUEL));
    }

    /// Takes over what a warm builtin has counted.
    fn load_fuel(&mut self) {
        if self.fuel.is_none() {
            return;
        }
        let store = self.store_ptr();
        let flags = self.flags(Region::Store);
        let count = self
            .builder
            .ins()
            .load(types::I64, flags, store, at(VmStore::OFFSET_FUEL));
        self.set_fuel_count(count);
    }

    /// At function entries and loop headers: stops if the fuel is spent or the epoch's deadline reached.
    pub(super) fn check_interrupts(&mut self) {
        self.check_fuel();
        self.check_epoch();
    }

    fn check_fuel(&mut self) {
        let Some(count) = self.fuel_count() else {
            return;
        };
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
        let alarm = self.load_constant(self.vmctx, VmContext::OFFSET_DUE);
        let due = self
            .builder
            .ins()
            .load(types::I64, MemFlagsData::trusted(), alarm, 0);
        let due = self.builder.ins().icmp_imm_u(IntCC::NotEqual, due, 0);
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
        self.spill_fuel();
        let callee = self.trampoline(Symbol::Builtin(builtin));
        self.builder.ins().call(callee, &[]);
        self.unspill_fuel();
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
            .filter(|&units| units <= SMALL_COST)
            .map(|units| units * u64::from(cost_per_unit))
            .filter(|&cost| cost <= SMALL_COST);
        let index = if small.is_some() || self.fuel.is_none() {
            index | ALREADY_CHARGED.cast_unsigned()
        } else {
            index
        };
        let index = self.i32_const(index);
        let mut all = smallvec::SmallVec::<[Value; 8]>::new();
        all.push(index);
        all.extend_from_slice(args);
        match small {
            Some(cost) => {
                self.add_fuel(cost.cast_signed());
                // Saved all the same: the operation may trap.
                self.save_fuel();
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
