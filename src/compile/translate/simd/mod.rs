//! Vectors of 128 bits: the simd and relaxed-simd proposals.
//!
//! On the operand stack a vector is an `i8x16`, whatever it was made of, so that variables, parameters and selections know
//! one type of vector. [`Body::lanes_of`] makes other lanes of it, which costs nothing: machine registers have no lanes.
//!
//! | file | operators |
//! |---|---|
//! | `lane` | constants, shuffles, splats, single lanes |
//! | `arithmetic` | what works lane by lane, and reductions to an integer |
//! | `convert` | what changes the width or kind of lanes |
//! | `memory` | loads and stores |
//! | `relaxed` | the relaxed-simd proposal |
//!
//! Must not know how addresses are checked, nor which machine runs the code; what instructions an operator needs beyond
//! those of every machine is said in `compile::settings`.

mod arithmetic;
mod convert;
mod lane;
mod memory;
mod relaxed;
#[cfg(test)]
mod tests;

use super::Body;
use cranelift_codegen::ir::{
    ConstantData, Endianness, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value,
    types,
};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator;

/// Vectors as they lie on the operand stack.
pub(super) const VECTOR: Type = types::I8X16;

impl<'f> Body<'_, 'f> {
    /// Translates an operator on vectors; false if it is none.
    pub(super) fn simd_operator(&mut self, op: &Operator<'_>) -> crate::Result<bool> {
        Ok(self.lane_operator(op)
            || self.lanewise_operator(op)
            || self.lane_conversion(op)
            || self.relaxed_operator(op)
            || self.vector_memory_operator(op)?)
    }

    /// The vector of these bytes, the first in the lowest place.
    pub(super) fn vector_const(&mut self, ty: Type, bytes: [u8; 16]) -> Value {
        let data = ConstantData::from(&bytes[..]);
        let constant = self.builder.func.dfg.constants.insert(data);
        self.builder.ins().vconst(ty, constant)
    }

    /// The bits of a vector as lanes of another type.
    fn lanes_of(&mut self, vector: Value, ty: Type) -> Value {
        let dfg = &self.builder.func.dfg;
        if dfg.value_type(vector) == ty {
            return vector;
        }
        // Mostly the last operator had the same lanes.
        if let Some(inst) = dfg.value_def(vector).inst()
            && let InstructionData::LoadNoOffset {
                opcode: Opcode::Bitcast,
                arg,
                ..
            } = dfg.insts[inst]
            && dfg.value_type(arg) == ty
        {
            return arg;
        }
        // Lanes are in memory as they are numbered, and a register is thought of as memory.
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.builder.ins().bitcast(ty, flags, vector)
    }

    fn pop_lanes(&mut self, ty: Type) -> Value {
        let vector = self.pop();
        self.lanes_of(vector, ty)
    }

    /// The two uppermost vectors, the lower one first.
    fn pop2_lanes(&mut self, ty: Type) -> (Value, Value) {
        let second = self.pop_lanes(ty);
        (self.pop_lanes(ty), second)
    }

    /// The three uppermost vectors, the lowest first.
    fn pop3_lanes(&mut self, ty: Type) -> (Value, Value, Value) {
        let third = self.pop_lanes(ty);
        let (first, second) = self.pop2_lanes(ty);
        (first, second, third)
    }

    fn push_vector(&mut self, value: Value) {
        let vector = self.lanes_of(value, VECTOR);
        self.push(vector);
    }

    /// From one vector of these lanes to another vector.
    fn map_lanes(&mut self, ty: Type, f: impl FnOnce(FuncInstBuilder<'_, 'f>, Value) -> Value) {
        let a = self.pop_lanes(ty);
        let value = f(self.builder.ins(), a);
        self.push_vector(value);
    }

    /// From two vectors of these lanes to another vector.
    fn zip_lanes(
        &mut self,
        ty: Type,
        f: impl FnOnce(FuncInstBuilder<'_, 'f>, Value, Value) -> Value,
    ) {
        let (a, b) = self.pop2_lanes(ty);
        let value = f(self.builder.ins(), a, b);
        self.push_vector(value);
    }
}
