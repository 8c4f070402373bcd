//! What works lane by lane, and reductions to an integer.

use super::super::Body;
use super::VECTOR;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Type, types};
use types::{F32X4, F64X2, I8X16, I16X8, I32, I32X4, I64X2};
use wasmparser::Operator;

/// Operators that are one instruction on one vector of a type of lanes.
macro_rules! unary {
    ($body:ident, $op:ident { $($ins:ident: $($name:ident $lanes:ident),+;)+ }) => {{
        match $op {
            $($(Operator::$name => $body.map_lanes($lanes, |ins, a| ins.$ins(a)),)+)+
            _ => return false,
        }
        true
    }};
}

/// The same with two vectors; in brackets what comes before them.
macro_rules! binary {
    ($body:ident, $op:ident { $($ins:ident $how:tt: $($name:ident $lanes:ident),+;)+ }) => {{
        match $op {
            $($(Operator::$name => $body.zip_lanes($lanes, |ins, a, b| binary!(ins.$ins $how a, b)),)+)+
            _ => return false,
        }
        true
    }};
    ($builder:ident.$ins:ident [$($how:path)?] $a:ident, $b:ident) => {
        $builder.$ins($($how,)? $a, $b)
    };
}

impl Body<'_, '_> {
    /// Translates an operator that works lane by lane; false if it is none.
    pub(super) fn lanewise_operator(&mut self, op: &Operator<'_>) -> bool {
        self.lanewise_unary(op)
            || self.lanewise_binary(op)
            || self.lanewise_icmp(op)
            || self.lanewise_fcmp(op)
            || self.bitwise(op)
            || self.reduction(op)
    }

    fn lanewise_unary(&mut self, op: &Operator<'_>) -> bool {
        unary!(self, op {
            iabs: I8x16Abs I8X16, I16x8Abs I16X8, I32x4Abs I32X4, I64x2Abs I64X2;
            ineg: I8x16Neg I8X16, I16x8Neg I16X8, I32x4Neg I32X4, I64x2Neg I64X2;
            popcnt: I8x16Popcnt I8X16;
            bnot: V128Not VECTOR;
            ceil: F32x4Ceil F32X4, F64x2Ceil F64X2;
            floor: F32x4Floor F32X4, F64x2Floor F64X2;
            trunc: F32x4Trunc F32X4, F64x2Trunc F64X2;
            nearest: F32x4Nearest F32X4, F64x2Nearest F64X2;
            fabs: F32x4Abs F32X4, F64x2Abs F64X2;
            fneg: F32x4Neg F32X4, F64x2Neg F64X2;
            sqrt: F32x4Sqrt F32X4, F64x2Sqrt F64X2;
        })
    }

    fn lanewise_binary(&mut self, op: &Operator<'_>) -> bool {
        binary!(self, op {
            iadd[]: I8x16Add I8X16, I16x8Add I16X8, I32x4Add I32X4, I64x2Add I64X2;
            isub[]: I8x16Sub I8X16, I16x8Sub I16X8, I32x4Sub I32X4, I64x2Sub I64X2;
            imul[]: I16x8Mul I16X8, I32x4Mul I32X4, I64x2Mul I64X2;
            sadd_sat[]: I8x16AddSatS I8X16, I16x8AddSatS I16X8;
            uadd_sat[]: I8x16AddSatU I8X16, I16x8AddSatU I16X8;
            ssub_sat[]: I8x16SubSatS I8X16, I16x8SubSatS I16X8;
            usub_sat[]: I8x16SubSatU I8X16, I16x8SubSatU I16X8;
            smin[]: I8x16MinS I8X16, I16x8MinS I16X8, I32x4MinS I32X4;
            umin[]: I8x16MinU I8X16, I16x8MinU I16X8, I32x4MinU I32X4;
            smax[]: I8x16MaxS I8X16, I16x8MaxS I16X8, I32x4MaxS I32X4;
            umax[]: I8x16MaxU I8X16, I16x8MaxU I16X8, I32x4MaxU I32X4;
            avg_round[]: I8x16AvgrU I8X16, I16x8AvgrU I16X8;
            sqmul_round_sat[]: I16x8Q15MulrSatS I16X8;
            band[]: V128And VECTOR;
            band_not[]: V128AndNot VECTOR;
            bor[]: V128Or VECTOR;
            bxor[]: V128Xor VECTOR;
            fadd[]: F32x4Add F32X4, F64x2Add F64X2;
            fsub[]: F32x4Sub F32X4, F64x2Sub F64X2;
            fmul[]: F32x4Mul F32X4, F64x2Mul F64X2;
            fdiv[]: F32x4Div F32X4, F64x2Div F64X2;
            fmin[]: F32x4Min F32X4, F64x2Min F64X2;
            fmax[]: F32x4Max F32X4, F64x2Max F64X2;
        })
    }

    fn lanewise_icmp(&mut self, op: &Operator<'_>) -> bool {
        binary!(self, op {
            icmp[IntCC::Equal]: I8x16Eq I8X16, I16x8Eq I16X8, I32x4Eq I32X4, I64x2Eq I64X2;
            icmp[IntCC::NotEqual]: I8x16Ne I8X16, I16x8Ne I16X8, I32x4Ne I32X4, I64x2Ne I64X2;
            icmp[IntCC::SignedLessThan]: I8x16LtS I8X16, I16x8LtS I16X8, I32x4LtS I32X4, I64x2LtS I64X2;
            icmp[IntCC::SignedGreaterThan]: I8x16GtS I8X16, I16x8GtS I16X8, I32x4GtS I32X4, I64x2GtS I64X2;
            icmp[IntCC::SignedLessThanOrEqual]: I8x16LeS I8X16, I16x8LeS I16X8, I32x4LeS I32X4, I64x2LeS I64X2;
            icmp[IntCC::SignedGreaterThanOrEqual]: I8x16GeS I8X16, I16x8GeS I16X8, I32x4GeS I32X4, I64x2GeS I64X2;
            icmp[IntCC::UnsignedLessThan]: I8x16LtU I8X16, I16x8LtU I16X8, I32x4LtU I32X4;
            icmp[IntCC::UnsignedGreaterThan]: I8x16GtU I8X16, I16x8GtU I16X8, I32x4GtU I32X4;
            icmp[IntCC::UnsignedLessThanOrEqual]: I8x16LeU I8X16, I16x8LeU I16X8, I32x4LeU I32X4;
            icmp[IntCC::UnsignedGreaterThanOrEqual]: I8x16GeU I8X16, I16x8GeU I16X8, I32x4GeU I32X4;
        })
    }

    fn lanewise_fcmp(&mut self, op: &Operator<'_>) -> bool {
        binary!(self, op {
            fcmp[FloatCC::Equal]: F32x4Eq F32X4, F64x2Eq F64X2;
            fcmp[FloatCC::NotEqual]: F32x4Ne F32X4, F64x2Ne F64X2;
            fcmp[FloatCC::LessThan]: F32x4Lt F32X4, F64x2Lt F64X2;
            fcmp[FloatCC::GreaterThan]: F32x4Gt F32X4, F64x2Gt F64X2;
            fcmp[FloatCC::LessThanOrEqual]: F32x4Le F32X4, F64x2Le F64X2;
            fcmp[FloatCC::GreaterThanOrEqual]: F32x4Ge F32X4, F64x2Ge F64X2;
        })
    }

    fn bitwise(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::V128Bitselect => {
                let (yes, no, mask) = self.pop3_lanes(VECTOR);
                let value = self.builder.ins().bitselect(mask, yes, no);
                self.push(value);
            }
            O::I8x16Shl => self.shift_left(I8X16),
            O::I16x8Shl => self.shift_left(I16X8),
            O::I32x4Shl => self.shift_left(I32X4),
            O::I64x2Shl => self.shift_left(I64X2),
            O::I8x16ShrS => self.shift_right(I8X16, true),
            O::I16x8ShrS => self.shift_right(I16X8, true),
            O::I32x4ShrS => self.shift_right(I32X4, true),
            O::I64x2ShrS => self.shift_right(I64X2, true),
            O::I8x16ShrU => self.shift_right(I8X16, false),
            O::I16x8ShrU => self.shift_right(I16X8, false),
            O::I32x4ShrU => self.shift_right(I32X4, false),
            O::I64x2ShrU => self.shift_right(I64X2, false),
            O::F32x4PMin => self.pseudo(F32X4, false),
            O::F64x2PMin => self.pseudo(F64X2, false),
            O::F32x4PMax => self.pseudo(F32X4, true),
            O::F64x2PMax => self.pseudo(F64X2, true),
            _ => return false,
        }
        true
    }

    /// CLIF takes the distance modulo the width of a lane, as wasm does.
    fn shift_left(&mut self, ty: Type) {
        let distance = self.pop();
        self.map_lanes(ty, |ins, a| ins.ishl(a, distance));
    }

    fn shift_right(&mut self, ty: Type, signed: bool) {
        let distance = self.pop();
        self.map_lanes(ty, |ins, a| {
            if signed {
                ins.sshr(a, distance)
            } else {
                ins.ushr(a, distance)
            }
        });
    }

    /// `pmin` is `b < a ? b : a`, `pmax` is `a < b ? b : a`.
    fn pseudo(&mut self, ty: Type, max: bool) {
        let (a, b) = self.pop2_lanes(ty);
        self.push(b);
        self.push(a);
        self.select_ordered(ty, max);
    }

    /// `a < b ? a : b`, or with `max` `b < a ? a : b`: the second operand also where neither is less.
    pub(super) fn select_ordered(&mut self, ty: Type, max: bool) {
        let (a, b) = self.pop2_lanes(ty);
        let (less, than) = if max { (b, a) } else { (a, b) };
        let mask = self.builder.ins().fcmp(FloatCC::LessThan, less, than);
        let mask = self.lanes_of(mask, ty);
        let value = self.builder.ins().bitselect(mask, a, b);
        self.push_vector(value);
    }

    fn reduction(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::V128AnyTrue => self.reduce(VECTOR, Reduce::Any),
            O::I8x16AllTrue => self.reduce(I8X16, Reduce::All),
            O::I16x8AllTrue => self.reduce(I16X8, Reduce::All),
            O::I32x4AllTrue => self.reduce(I32X4, Reduce::All),
            O::I64x2AllTrue => self.reduce(I64X2, Reduce::All),
            O::I8x16Bitmask => self.reduce(I8X16, Reduce::Signs),
            O::I16x8Bitmask => self.reduce(I16X8, Reduce::Signs),
            O::I32x4Bitmask => self.reduce(I32X4, Reduce::Signs),
            O::I64x2Bitmask => self.reduce(I64X2, Reduce::Signs),
            _ => return false,
        }
        true
    }

    fn reduce(&mut self, ty: Type, to: Reduce) {
        let vector = self.pop_lanes(ty);
        let value = match to {
            Reduce::Any => self.builder.ins().vany_true(vector),
            Reduce::All => self.builder.ins().vall_true(vector),
            Reduce::Signs => self.builder.ins().vhigh_bits(I32, vector),
        };
        let value = match to {
            Reduce::Any | Reduce::All => self.builder.ins().uextend(I32, value),
            Reduce::Signs => value,
        };
        self.push(value);
    }
}

/// What a vector is reduced to.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Reduce {
    /// Whether a lane is not zero.
    Any,
    /// Whether no lane is zero.
    All,
    /// The sign of each lane.
    Signs,
}
