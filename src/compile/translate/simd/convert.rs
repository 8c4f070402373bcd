//! What changes the width or kind of lanes: conversions, and products and sums of widened lanes.

use super::super::Body;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use wasmparser::Operator;

/// Which half of a vector is widened.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Half {
    Low,
    High,
}

/// How narrow lanes become wide ones.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    Signed,
    Unsigned,
}

use Half::{High, Low};
use Sign::{Signed, Unsigned};

impl Body<'_, '_> {
    /// Translates an operator whose result has lanes of another type; false if it is none.
    pub(super) fn lane_conversion(&mut self, op: &Operator<'_>) -> bool {
        self.integer_width(op)
            || self.widened_product(op)
            || self.widened_sum(op)
            || self.float_conversion(op)
    }

    fn integer_width(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I8x16NarrowI16x8S => self.zip_lanes(I16X8, |ins, a, b| ins.snarrow(a, b)),
            O::I16x8NarrowI32x4S => self.zip_lanes(I32X4, |ins, a, b| ins.snarrow(a, b)),
            O::I8x16NarrowI16x8U => self.zip_lanes(I16X8, |ins, a, b| ins.unarrow(a, b)),
            O::I16x8NarrowI32x4U => self.zip_lanes(I32X4, |ins, a, b| ins.unarrow(a, b)),
            O::I16x8ExtendLowI8x16S => self.extend(I8X16, Low, Signed),
            O::I16x8ExtendHighI8x16S => self.extend(I8X16, High, Signed),
            O::I16x8ExtendLowI8x16U => self.extend(I8X16, Low, Unsigned),
            O::I16x8ExtendHighI8x16U => self.extend(I8X16, High, Unsigned),
            O::I32x4ExtendLowI16x8S => self.extend(I16X8, Low, Signed),
            O::I32x4ExtendHighI16x8S => self.extend(I16X8, High, Signed),
            O::I32x4ExtendLowI16x8U => self.extend(I16X8, Low, Unsigned),
            O::I32x4ExtendHighI16x8U => self.extend(I16X8, High, Unsigned),
            O::I64x2ExtendLowI32x4S => self.extend(I32X4, Low, Signed),
            O::I64x2ExtendHighI32x4S => self.extend(I32X4, High, Signed),
            O::I64x2ExtendLowI32x4U => self.extend(I32X4, Low, Unsigned),
            O::I64x2ExtendHighI32x4U => self.extend(I32X4, High, Unsigned),
            _ => return false,
        }
        true
    }

    fn widened_product(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I16x8ExtMulLowI8x16S => self.ext_mul(I8X16, Low, Signed),
            O::I16x8ExtMulHighI8x16S => self.ext_mul(I8X16, High, Signed),
            O::I16x8ExtMulLowI8x16U => self.ext_mul(I8X16, Low, Unsigned),
            O::I16x8ExtMulHighI8x16U => self.ext_mul(I8X16, High, Unsigned),
            O::I32x4ExtMulLowI16x8S => self.ext_mul(I16X8, Low, Signed),
            O::I32x4ExtMulHighI16x8S => self.ext_mul(I16X8, High, Signed),
            O::I32x4ExtMulLowI16x8U => self.ext_mul(I16X8, Low, Unsigned),
            O::I32x4ExtMulHighI16x8U => self.ext_mul(I16X8, High, Unsigned),
            O::I64x2ExtMulLowI32x4S => self.ext_mul(I32X4, Low, Signed),
            O::I64x2ExtMulHighI32x4S => self.ext_mul(I32X4, High, Signed),
            O::I64x2ExtMulLowI32x4U => self.ext_mul(I32X4, Low, Unsigned),
            O::I64x2ExtMulHighI32x4U => self.ext_mul(I32X4, High, Unsigned),
            O::I32x4DotI16x8S => {
                let (a, b) = self.pop2_lanes(I16X8);
                let value = self.pairwise_dot(a, b);
                self.push_vector(value);
            }
            _ => return false,
        }
        true
    }

    fn widened_sum(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let (ty, sign) = match op {
            O::I16x8ExtAddPairwiseI8x16S => (I8X16, Signed),
            O::I16x8ExtAddPairwiseI8x16U => (I8X16, Unsigned),
            O::I32x4ExtAddPairwiseI16x8S => (I16X8, Signed),
            O::I32x4ExtAddPairwiseI16x8U => (I16X8, Unsigned),
            _ => return false,
        };
        let a = self.pop_lanes(ty);
        let value = self.pairwise_sum(a, sign);
        self.push_vector(value);
        true
    }

    fn float_conversion(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I32x4TruncSatF32x4S => self.truncate_lanes(Signed),
            O::I32x4TruncSatF32x4U => self.truncate_lanes(Unsigned),
            O::I32x4TruncSatF64x2SZero => self.truncate_lanes_zero(Signed),
            O::I32x4TruncSatF64x2UZero => self.truncate_lanes_zero(Unsigned),
            O::F32x4ConvertI32x4S => self.map_lanes(I32X4, |ins, a| ins.fcvt_from_sint(F32X4, a)),
            O::F32x4ConvertI32x4U => self.map_lanes(I32X4, |ins, a| ins.fcvt_from_uint(F32X4, a)),
            O::F64x2ConvertLowI32x4S => {
                self.extend(I32X4, Low, Signed);
                self.map_lanes(I64X2, |ins, a| ins.fcvt_from_sint(F64X2, a));
            }
            O::F64x2ConvertLowI32x4U => {
                self.extend(I32X4, Low, Unsigned);
                self.map_lanes(I64X2, |ins, a| ins.fcvt_from_uint(F64X2, a));
            }
            O::F32x4DemoteF64x2Zero => self.map_lanes(F64X2, |ins, a| ins.fvdemote(a)),
            O::F64x2PromoteLowF32x4 => self.map_lanes(F32X4, |ins, a| ins.fvpromote_low(a)),
            _ => return false,
        }
        true
    }

    fn widen_half(&mut self, a: Value, half: Half, sign: Sign) -> Value {
        let ins = self.builder.ins();
        match (half, sign) {
            (Low, Signed) => ins.swiden_low(a),
            (High, Signed) => ins.swiden_high(a),
            (Low, Unsigned) => ins.uwiden_low(a),
            (High, Unsigned) => ins.uwiden_high(a),
        }
    }

    fn extend(&mut self, ty: Type, half: Half, sign: Sign) {
        let a = self.pop_lanes(ty);
        let value = self.widen_half(a, half, sign);
        self.push_vector(value);
    }

    fn product_half(&mut self, a: Value, b: Value, half: Half, sign: Sign) -> Value {
        let a = self.widen_half(a, half, sign);
        let b = self.widen_half(b, half, sign);
        self.builder.ins().imul(a, b)
    }

    fn ext_mul(&mut self, ty: Type, half: Half, sign: Sign) {
        let (a, b) = self.pop2_lanes(ty);
        let value = self.product_half(a, b, half, sign);
        self.push_vector(value);
    }

    /// Products of signed lanes, neighbours added, in lanes twice as wide.
    pub(super) fn pairwise_dot(&mut self, a: Value, b: Value) -> Value {
        let low = self.product_half(a, b, Low, Signed);
        let high = self.product_half(a, b, High, Signed);
        self.builder.ins().iadd_pairwise(low, high)
    }

    /// Neighbours added, in lanes twice as wide.
    pub(super) fn pairwise_sum(&mut self, a: Value, sign: Sign) -> Value {
        let low = self.widen_half(a, Low, sign);
        let high = self.widen_half(a, High, sign);
        self.builder.ins().iadd_pairwise(low, high)
    }

    /// Floats of 32 bits to the nearest integer towards zero that there is; 0 for NaN.
    pub(super) fn truncate_lanes(&mut self, sign: Sign) {
        self.map_lanes(F32X4, |ins, a| match sign {
            Signed => ins.fcvt_to_sint_sat(I32X4, a),
            Unsigned => ins.fcvt_to_uint_sat(I32X4, a),
        });
    }

    /// The same of floats of 64 bits, into the low lanes.
    pub(super) fn truncate_lanes_zero(&mut self, sign: Sign) {
        let a = self.pop_lanes(F64X2);
        let zero = self.vector_const(I64X2, [0; 16]);
        let value = match sign {
            Signed => {
                let wide = self.builder.ins().fcvt_to_sint_sat(I64X2, a);
                self.builder.ins().snarrow(wide, zero)
            }
            Unsigned => {
                let wide = self.builder.ins().fcvt_to_uint_sat(I64X2, a);
                self.builder.ins().uunarrow(wide, zero)
            }
        };
        self.push_vector(value);
    }
}
