//! Globals.

use super::{Body, Region, at, index_of, value_type};
use crate::wasm::{ConstOp, GlobalIndex};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasmparser::Operator;

impl Body<'_, '_> {
    /// Translates an access to a global; false if the operator is none.
    pub(super) fn global_operator(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::GlobalGet { global_index } => {
                let global: GlobalIndex = index_of(global_index);
                if let Some(value) = self.constant_global(global) {
                    self.push(value);
                    return true;
                }
                let desc = self.env.module.globals[global];
                let (base, offset) = self.global_place(global);
                let mut flags = self.flags(Region::Globals);
                if !desc.mutable {
                    // Initialised before any code of the module runs.
                    flags = flags.with_readonly().with_can_move();
                }
                let ty = value_type(desc.content);
                let value = self.builder.ins().load(ty, flags, base, offset);
                self.push(value);
            }
            Operator::GlobalSet { global_index } => {
                let value = self.pop();
                let (base, offset) = self.global_place(index_of(global_index));
                let flags = self.flags(Region::Globals);
                self.builder.ins().store(flags, value, base, offset);
            }
            _ => return false,
        }
        true
    }

    /// The value of a global that is a number known from the module alone.
    fn constant_global(&mut self, global: GlobalIndex) -> Option<Value> {
        let module = self.env.module;
        if module.globals[global].mutable {
            return None;
        }
        let [op] = module.global_inits[module.defined_global(global)?].ops[..] else {
            return None;
        };
        let ins = self.builder.ins();
        Some(match op {
            ConstOp::I32(value) => ins.iconst(types::I32, i64::from(value.cast_unsigned())),
            ConstOp::I64(value) => ins.iconst(types::I64, value),
            ConstOp::F32(bits) => ins.f32const(Ieee32::with_bits(bits)),
            ConstOp::F64(bits) => ins.f64const(Ieee64::with_bits(bits)),
            _ => return None,
        })
    }

    /// Where a global lives: in the VMContext, or behind a pointer in it.
    fn global_place(&mut self, global: GlobalIndex) -> (Value, i32) {
        match self.env.module.defined_global(global) {
            Some(defined) => (self.vmctx, at(self.env.layout.global(defined))),
            None => {
                let offset = self.env.layout.imported_global(global);
                (self.load_constant(self.vmctx, offset), 0)
            }
        }
    }
}
