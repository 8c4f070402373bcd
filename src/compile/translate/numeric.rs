//! Numeric operators: each is one CLIF instruction, apart from the checks that code without signals needs.

use super::Body;
use crate::wasm::Trap;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator;

impl<'f> Body<'_, 'f> {
    /// Translates a numeric operator; false if it is none.
    pub(super) fn numeric_operator(&mut self, op: &Operator<'_>) -> bool {
        self.constant(op)
            || self.arithmetic(op)
            || self.comparison(op)
            || self.conversion(op)
            || self.wide_arithmetic(op)
    }

    /// Operators of the wide-arithmetic proposal: 128-bit numbers as pairs, the low half first.
    fn wide_arithmetic(&mut self, op: &Operator<'_>) -> bool {
        let result = match op {
            Operator::I64Add128 | Operator::I64Sub128 => {
                let b = self.pop_wide();
                let a = self.pop_wide();
                match op {
                    Operator::I64Add128 => self.builder.ins().iadd(a, b),
                    _ => self.builder.ins().isub(a, b),
                }
            }
            Operator::I64MulWideS | Operator::I64MulWideU => {
                let (a, b) = self.pop2();
                let signed = matches!(op, Operator::I64MulWideS);
                let [a, b] = [a, b].map(|value| match signed {
                    true => self.builder.ins().sextend(types::I128, value),
                    false => self.builder.ins().uextend(types::I128, value),
                });
                self.builder.ins().imul(a, b)
            }
            _ => return false,
        };
        let (low, high) = self.builder.ins().isplit(result);
        self.push(low);
        self.push(high);
        true
    }

    fn pop_wide(&mut self) -> Value {
        let (low, high) = self.pop2();
        self.builder.ins().iconcat(low, high)
    }

    fn constant(&mut self, op: &Operator<'_>) -> bool {
        let ins = self.builder.ins();
        let value = match *op {
            Operator::I32Const { value } => {
                ins.iconst(types::I32, i64::from(value.cast_unsigned()))
            }
            Operator::I64Const { value } => ins.iconst(types::I64, value),
            Operator::F32Const { value } => ins.f32const(f32::from_bits(value.bits())),
            Operator::F64Const { value } => ins.f64const(f64::from_bits(value.bits())),
            _ => return false,
        };
        self.push(value);
        true
    }

    fn unary(&mut self, f: impl FnOnce(FuncInstBuilder<'_, 'f>, Value) -> Value) {
        let value = self.pop();
        let value = f(self.builder.ins(), value);
        self.push(value);
    }

    fn binary(&mut self, f: impl FnOnce(FuncInstBuilder<'_, 'f>, Value, Value) -> Value) {
        let (a, b) = self.pop2();
        let value = f(self.builder.ins(), a, b);
        self.push(value);
    }

    fn arithmetic(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I32Clz | O::I64Clz => self.unary(|ins, a| ins.clz(a)),
            O::I32Ctz | O::I64Ctz => self.unary(|ins, a| ins.ctz(a)),
            O::I32Popcnt | O::I64Popcnt => self.unary(|ins, a| ins.popcnt(a)),
            O::I32Add | O::I64Add => self.binary(|ins, a, b| ins.iadd(a, b)),
            O::I32Sub | O::I64Sub => self.binary(|ins, a, b| ins.isub(a, b)),
            O::I32Mul | O::I64Mul => self.binary(|ins, a, b| ins.imul(a, b)),
            O::I32And | O::I64And => self.binary(|ins, a, b| ins.band(a, b)),
            O::I32Or | O::I64Or => self.binary(|ins, a, b| ins.bor(a, b)),
            O::I32Xor | O::I64Xor => self.binary(|ins, a, b| ins.bxor(a, b)),
            O::I32Shl | O::I64Shl => self.binary(|ins, a, b| ins.ishl(a, b)),
            O::I32ShrS | O::I64ShrS => self.binary(|ins, a, b| ins.sshr(a, b)),
            O::I32ShrU | O::I64ShrU => self.binary(|ins, a, b| ins.ushr(a, b)),
            O::I32Rotl | O::I64Rotl => self.binary(|ins, a, b| ins.rotl(a, b)),
            O::I32Rotr | O::I64Rotr => self.binary(|ins, a, b| ins.rotr(a, b)),

            O::I32DivS | O::I64DivS => {
                self.guard_division(true);
                self.binary(|ins, a, b| ins.sdiv(a, b));
            }
            O::I32DivU | O::I64DivU => {
                self.guard_division(false);
                self.binary(|ins, a, b| ins.udiv(a, b));
            }
            O::I32RemS | O::I64RemS => {
                self.guard_division(false);
                self.binary(|ins, a, b| ins.srem(a, b));
            }
            O::I32RemU | O::I64RemU => {
                self.guard_division(false);
                self.binary(|ins, a, b| ins.urem(a, b));
            }

            O::F32Abs | O::F64Abs => self.unary(|ins, a| ins.fabs(a)),
            O::F32Neg | O::F64Neg => self.unary(|ins, a| ins.fneg(a)),
            O::F32Ceil | O::F64Ceil => self.unary(|ins, a| ins.ceil(a)),
            O::F32Floor | O::F64Floor => self.unary(|ins, a| ins.floor(a)),
            O::F32Trunc | O::F64Trunc => self.unary(|ins, a| ins.trunc(a)),
            O::F32Nearest | O::F64Nearest => self.unary(|ins, a| ins.nearest(a)),
            O::F32Sqrt | O::F64Sqrt => self.unary(|ins, a| ins.sqrt(a)),
            O::F32Add | O::F64Add => self.binary(|ins, a, b| ins.fadd(a, b)),
            O::F32Sub | O::F64Sub => self.binary(|ins, a, b| ins.fsub(a, b)),
            O::F32Mul | O::F64Mul => self.binary(|ins, a, b| ins.fmul(a, b)),
            O::F32Div | O::F64Div => self.binary(|ins, a, b| ins.fdiv(a, b)),
            O::F32Min | O::F64Min => self.binary(|ins, a, b| ins.fmin(a, b)),
            O::F32Max | O::F64Max => self.binary(|ins, a, b| ins.fmax(a, b)),
            O::F32Copysign | O::F64Copysign => self.binary(|ins, a, b| ins.fcopysign(a, b)),
            _ => return false,
        }
        true
    }

    fn comparison(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I32Eqz | O::I64Eqz => self.unary(|ins, a| ins.icmp_imm_u(IntCC::Equal, a, 0)),
            O::I32Eq | O::I64Eq => self.icmp(IntCC::Equal),
            O::I32Ne | O::I64Ne => self.icmp(IntCC::NotEqual),
            O::I32LtS | O::I64LtS => self.icmp(IntCC::SignedLessThan),
            O::I32LtU | O::I64LtU => self.icmp(IntCC::UnsignedLessThan),
            O::I32GtS | O::I64GtS => self.icmp(IntCC::SignedGreaterThan),
            O::I32GtU | O::I64GtU => self.icmp(IntCC::UnsignedGreaterThan),
            O::I32LeS | O::I64LeS => self.icmp(IntCC::SignedLessThanOrEqual),
            O::I32LeU | O::I64LeU => self.icmp(IntCC::UnsignedLessThanOrEqual),
            O::I32GeS | O::I64GeS => self.icmp(IntCC::SignedGreaterThanOrEqual),
            O::I32GeU | O::I64GeU => self.icmp(IntCC::UnsignedGreaterThanOrEqual),
            O::F32Eq | O::F64Eq => self.fcmp(FloatCC::Equal),
            O::F32Ne | O::F64Ne => self.fcmp(FloatCC::NotEqual),
            O::F32Lt | O::F64Lt => self.fcmp(FloatCC::LessThan),
            O::F32Gt | O::F64Gt => self.fcmp(FloatCC::GreaterThan),
            O::F32Le | O::F64Le => self.fcmp(FloatCC::LessThanOrEqual),
            O::F32Ge | O::F64Ge => self.fcmp(FloatCC::GreaterThanOrEqual),
            _ => return false,
        }
        // CLIF compares to 8 bits, wasm to 32.
        self.unary(|ins, a| ins.uextend(types::I32, a));
        true
    }

    fn icmp(&mut self, cc: IntCC) {
        self.binary(|ins, a, b| ins.icmp(cc, a, b));
    }

    fn fcmp(&mut self, cc: FloatCC) {
        self.binary(|ins, a, b| ins.fcmp(cc, a, b));
    }

    fn conversion(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        use types::{F32, F64, I8, I16, I32, I64};
        match op {
            O::I32WrapI64 => self.unary(|ins, a| ins.ireduce(I32, a)),
            O::I64ExtendI32S => self.unary(|ins, a| ins.sextend(I64, a)),
            O::I64ExtendI32U => self.unary(|ins, a| ins.uextend(I64, a)),
            O::I32Extend8S => self.sign_extend(I8, I32),
            O::I32Extend16S => self.sign_extend(I16, I32),
            O::I64Extend8S => self.sign_extend(I8, I64),
            O::I64Extend16S => self.sign_extend(I16, I64),
            O::I64Extend32S => self.sign_extend(I32, I64),

            O::I32TruncF32S | O::I32TruncF64S => self.truncate(I32, true),
            O::I32TruncF32U | O::I32TruncF64U => self.truncate(I32, false),
            O::I64TruncF32S | O::I64TruncF64S => self.truncate(I64, true),
            O::I64TruncF32U | O::I64TruncF64U => self.truncate(I64, false),
            O::I32TruncSatF32S | O::I32TruncSatF64S => {
                self.unary(|ins, a| ins.fcvt_to_sint_sat(I32, a));
            }
            O::I32TruncSatF32U | O::I32TruncSatF64U => {
                self.unary(|ins, a| ins.fcvt_to_uint_sat(I32, a));
            }
            O::I64TruncSatF32S | O::I64TruncSatF64S => {
                self.unary(|ins, a| ins.fcvt_to_sint_sat(I64, a));
            }
            O::I64TruncSatF32U | O::I64TruncSatF64U => {
                self.unary(|ins, a| ins.fcvt_to_uint_sat(I64, a));
            }

            O::F32ConvertI32S | O::F32ConvertI64S => {
                self.unary(|ins, a| ins.fcvt_from_sint(F32, a));
            }
            O::F32ConvertI32U | O::F32ConvertI64U => {
                self.unary(|ins, a| ins.fcvt_from_uint(F32, a));
            }
            O::F64ConvertI32S | O::F64ConvertI64S => {
                self.unary(|ins, a| ins.fcvt_from_sint(F64, a));
            }
            O::F64ConvertI32U | O::F64ConvertI64U => {
                self.unary(|ins, a| ins.fcvt_from_uint(F64, a));
            }
            O::F32DemoteF64 => self.unary(|ins, a| ins.fdemote(F32, a)),
            O::F64PromoteF32 => self.unary(|ins, a| ins.fpromote(F64, a)),

            O::I32ReinterpretF32 => self.reinterpret(I32),
            O::I64ReinterpretF64 => self.reinterpret(I64),
            O::F32ReinterpretI32 => self.reinterpret(F32),
            O::F64ReinterpretI64 => self.reinterpret(F64),
            _ => return false,
        }
        true
    }

    fn sign_extend(&mut self, from: Type, to: Type) {
        self.unary(|ins, a| ins.ireduce(from, a));
        self.unary(|ins, a| ins.sextend(to, a));
    }

    fn reinterpret(&mut self, to: Type) {
        self.unary(|ins, a| ins.bitcast(to, MemFlagsData::new(), a));
    }

    fn truncate(&mut self, to: Type, signed: bool) {
        if self.branches_to_traps() {
            self.guard_truncation(to, signed);
        }
        self.unary(|ins, a| {
            if signed {
                ins.fcvt_to_sint(to, a)
            } else {
                ins.fcvt_to_uint(to, a)
            }
        });
    }

    /// Where traps are branches, checks the operands on top of the stack for a division by zero, and `quotient` for overflow.
    fn guard_division(&mut self, quotient: bool) {
        if !self.branches_to_traps() {
            return;
        }
        let (dividend, divisor) = self.pop2();
        self.trap_if_zero(divisor, Trap::IntegerDivisionByZero);
        if quotient {
            let ty = self.builder.func.dfg.value_type(divisor);
            let smallest = i64::MIN >> (64 - ty.bits());
            let ins = self.builder.ins();
            let minus_one = ins.icmp_imm_s(IntCC::Equal, divisor, -1);
            let ins = self.builder.ins();
            let smallest = ins.icmp_imm_s(IntCC::Equal, dividend, smallest);
            let over = self.builder.ins().band(minus_one, smallest);
            self.trap_if(over, Trap::IntegerOverflow);
        }
        self.push(dividend);
        self.push(divisor);
    }

    /// Checks that the float on top of the stack has an integer part of type `to`.
    fn guard_truncation(&mut self, to: Type, signed: bool) {
        let value = self.peek();
        let value = match self.builder.func.dfg.value_type(value) {
            types::F32 => self.builder.ins().fpromote(types::F64, value),
            _ => value,
        };
        let nan = self.builder.ins().fcmp(FloatCC::NotEqual, value, value);
        self.trap_if(nan, Trap::BadConversionToInteger);
        // The neighbours of the range among the doubles: the largest too small and the smallest too large one.
        let (low, high) = match (to, signed) {
            (types::I32, true) => (-2_147_483_649.0, 2_147_483_648.0),
            (types::I32, false) => (-1.0, 4_294_967_296.0),
            (_, true) => (-9_223_372_036_854_777_856.0, 9_223_372_036_854_775_808.0),
            (_, false) => (-1.0, 18_446_744_073_709_551_616.0),
        };
        let low = self.builder.ins().f64const(low);
        let high = self.builder.ins().f64const(high);
        let below = self
            .builder
            .ins()
            .fcmp(FloatCC::LessThanOrEqual, value, low);
        let above = self
            .builder
            .ins()
            .fcmp(FloatCC::GreaterThanOrEqual, value, high);
        let outside = self.builder.ins().bor(below, above);
        self.trap_if(outside, Trap::IntegerOverflow);
    }
}
