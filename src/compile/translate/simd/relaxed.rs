//! The relaxed-simd proposal: operators of whose results the machine may choose one.
//!
//! Asked for the same results everywhere, each is what the plain operator of its name does, and a multiplication with
//! addition is rounded once. Otherwise each is the fastest that this machine has.

use super::super::Body;
use super::VECTOR;
use super::convert::Sign::{Signed, Unsigned};
use cranelift_codegen::ir::{InstBuilder, Type, types};
use types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use wasmparser::Operator;

impl Body<'_, '_> {
    /// Translates an operator of the proposal; false if it is none.
    pub(super) fn relaxed_operator(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I8x16RelaxedSwizzle => self.relaxed_swizzle(),
            O::I32x4RelaxedTruncF32x4S => self.relaxed_truncate(),
            O::I32x4RelaxedTruncF32x4U => self.truncate_lanes(Unsigned),
            O::I32x4RelaxedTruncF64x2SZero => self.relaxed_truncate_zero(),
            O::I32x4RelaxedTruncF64x2UZero => self.truncate_lanes_zero(Unsigned),
            O::F32x4RelaxedMadd => self.multiply_add(F32X4, false),
            O::F64x2RelaxedMadd => self.multiply_add(F64X2, false),
            O::F32x4RelaxedNmadd => self.multiply_add(F32X4, true),
            O::F64x2RelaxedNmadd => self.multiply_add(F64X2, true),
            O::I8x16RelaxedLaneselect => self.lane_select(I8X16),
            O::I16x8RelaxedLaneselect => self.lane_select(I16X8),
            O::I32x4RelaxedLaneselect => self.lane_select(I32X4),
            O::I64x2RelaxedLaneselect => self.lane_select(I64X2),
            O::F32x4RelaxedMin => self.relaxed_extreme(F32X4, false),
            O::F64x2RelaxedMin => self.relaxed_extreme(F64X2, false),
            O::F32x4RelaxedMax => self.relaxed_extreme(F32X4, true),
            O::F64x2RelaxedMax => self.relaxed_extreme(F64X2, true),
            O::I16x8RelaxedQ15mulrS => self.relaxed_q15mulr(),
            O::I16x8RelaxedDotI8x16I7x16S => self.relaxed_dot(),
            O::I32x4RelaxedDotI8x16I7x16AddS => {
                let addend = self.pop_lanes(I32X4);
                self.relaxed_dot();
                let products = self.pop_lanes(I16X8);
                let sum = self.pairwise_sum(products, Signed);
                let value = self.builder.ins().iadd(sum, addend);
                self.push_vector(value);
            }
            _ => return false,
        }
        true
    }

    /// Whether instructions of x86 may decide.
    fn x86_decides(&self) -> bool {
        !self.env.tunables.relaxed_simd_deterministic && self.env.isa.name() == "x64"
    }

    /// Places from 16 on take any byte, or zero.
    fn relaxed_swizzle(&mut self) {
        let fast = self.x86_decides() && self.env.isa.has_x86_pshufb_lowering();
        self.zip_lanes(I8X16, |ins, a, s| {
            if fast {
                ins.x86_pshufb(a, s)
            } else {
                ins.swizzle(a, s)
            }
        });
    }

    /// What does not fit becomes anything.
    fn relaxed_truncate(&mut self) {
        if self.x86_decides() {
            self.map_lanes(F32X4, |ins, a| ins.x86_cvtt2dq(I32X4, a));
        } else {
            self.truncate_lanes(Signed);
        }
    }

    fn relaxed_truncate_zero(&mut self) {
        if !self.x86_decides() {
            return self.truncate_lanes_zero(Signed);
        }
        // The code generator knows these two together.
        let a = self.pop_lanes(F64X2);
        let zero = self.vector_const(I64X2, [0; 16]);
        let wide = self.builder.ins().x86_cvtt2dq(I64X2, a);
        let value = self.builder.ins().snarrow(wide, zero);
        self.push_vector(value);
    }

    /// `a * b + c` or `-(a * b) + c`, rounded once or twice.
    fn multiply_add(&mut self, ty: Type, negated: bool) {
        let (a, b, c) = self.pop3_lanes(ty);
        let a = if negated {
            self.builder.ins().fneg(a)
        } else {
            a
        };
        let once = self.env.tunables.relaxed_simd_deterministic || self.env.isa.has_native_fma();
        let value = if once {
            self.builder.ins().fma(a, b, c)
        } else {
            let product = self.builder.ins().fmul(a, b);
            self.builder.ins().fadd(product, c)
        };
        self.push_vector(value);
    }

    /// Masks that are not all ones or all zeros may count by their highest bit only.
    fn lane_select(&mut self, ty: Type) {
        let fast = self.x86_decides() && self.env.isa.has_blendv_lowering(ty);
        let ty = if fast { ty } else { VECTOR };
        let (yes, no, mask) = self.pop3_lanes(ty);
        let value = if fast {
            self.builder.ins().blendv(mask, yes, no)
        } else {
            self.builder.ins().bitselect(mask, yes, no)
        };
        self.push_vector(value);
    }

    /// With NaNs or zeros of both signs, either operand may be the result.
    fn relaxed_extreme(&mut self, ty: Type, max: bool) {
        if self.x86_decides() {
            self.select_ordered(ty, max);
        } else if max {
            self.zip_lanes(ty, |ins, a, b| ins.fmax(a, b));
        } else {
            self.zip_lanes(ty, |ins, a, b| ins.fmin(a, b));
        }
    }

    /// The square of the smallest number may be the largest or the smallest.
    fn relaxed_q15mulr(&mut self) {
        let fast = self.x86_decides() && self.env.isa.has_x86_pmulhrsw_lowering();
        self.zip_lanes(I16X8, |ins, a, b| {
            if fast {
                ins.x86_pmulhrsw(a, b)
            } else {
                ins.sqmul_round_sat(a, b)
            }
        });
    }

    /// The second operand may have signed or unsigned lanes if their highest bit is set.
    fn relaxed_dot(&mut self) {
        let (a, b) = self.pop2_lanes(I8X16);
        let value = if self.x86_decides() && self.env.isa.has_x86_pmaddubsw_lowering() {
            self.builder.ins().x86_pmaddubsw(a, b)
        } else {
            self.pairwise_dot(a, b)
        };
        self.push_vector(value);
    }
}
