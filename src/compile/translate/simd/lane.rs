//! Constants, shuffles, splats and single lanes.

use super::super::Body;
use super::VECTOR;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use types::{F32X4, F64X2, I8, I8X16, I16, I16X8, I32, I32X4, I64X2};
use wasmparser::Operator;

impl Body<'_, '_> {
    /// Translates an operator that moves lanes about; false if it is none.
    pub(super) fn lane_operator(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match *op {
            O::V128Const { value } => {
                let vector = self.vector_const(VECTOR, *value.bytes());
                self.push(vector);
            }
            O::I8x16Shuffle { lanes } => self.shuffle(lanes),
            O::I8x16Swizzle => self.zip_lanes(I8X16, |ins, a, s| ins.swizzle(a, s)),

            O::I8x16Splat => self.splat(I8X16),
            O::I16x8Splat => self.splat(I16X8),
            O::I32x4Splat => self.splat(I32X4),
            O::I64x2Splat => self.splat(I64X2),
            O::F32x4Splat => self.splat(F32X4),
            O::F64x2Splat => self.splat(F64X2),

            O::I8x16ExtractLaneS { lane } => self.extract_extended(I8X16, lane, true),
            O::I8x16ExtractLaneU { lane } => self.extract_extended(I8X16, lane, false),
            O::I16x8ExtractLaneS { lane } => self.extract_extended(I16X8, lane, true),
            O::I16x8ExtractLaneU { lane } => self.extract_extended(I16X8, lane, false),
            O::I32x4ExtractLane { lane } => self.extract(I32X4, lane),
            O::I64x2ExtractLane { lane } => self.extract(I64X2, lane),
            O::F32x4ExtractLane { lane } => self.extract(F32X4, lane),
            O::F64x2ExtractLane { lane } => self.extract(F64X2, lane),

            O::I8x16ReplaceLane { lane } => self.replace(I8X16, lane),
            O::I16x8ReplaceLane { lane } => self.replace(I16X8, lane),
            O::I32x4ReplaceLane { lane } => self.replace(I32X4, lane),
            O::I64x2ReplaceLane { lane } => self.replace(I64X2, lane),
            O::F32x4ReplaceLane { lane } => self.replace(F32X4, lane),
            O::F64x2ReplaceLane { lane } => self.replace(F64X2, lane),
            _ => return false,
        }
        true
    }

    fn shuffle(&mut self, lanes: [u8; 16]) {
        let (a, b) = self.pop2_lanes(I8X16);
        let mask = self.builder.func.dfg.immediates.push(lanes[..].into());
        let value = self.builder.ins().shuffle(a, b, mask);
        self.push(value);
    }

    /// Pops what goes into a lane: narrow lanes take the low bits of an `i32`.
    fn pop_lane(&mut self, ty: Type) -> Value {
        let value = self.pop();
        match ty.lane_type() {
            narrow @ (I8 | I16) => self.builder.ins().ireduce(narrow, value),
            _ => value,
        }
    }

    fn splat(&mut self, ty: Type) {
        let lane = self.pop_lane(ty);
        let value = self.builder.ins().splat(ty, lane);
        self.push_vector(value);
    }

    fn extract(&mut self, ty: Type, lane: u8) {
        let vector = self.pop_lanes(ty);
        let value = self.builder.ins().extractlane(vector, lane);
        self.push(value);
    }

    fn extract_extended(&mut self, ty: Type, lane: u8, signed: bool) {
        self.extract(ty, lane);
        let value = self.pop();
        let value = if signed {
            self.builder.ins().sextend(I32, value)
        } else {
            self.builder.ins().uextend(I32, value)
        };
        self.push(value);
    }

    fn replace(&mut self, ty: Type, lane: u8) {
        let value = self.pop_lane(ty);
        let vector = self.pop_lanes(ty);
        let value = self.builder.ins().insertlane(vector, value, lane);
        self.push_vector(value);
    }
}
