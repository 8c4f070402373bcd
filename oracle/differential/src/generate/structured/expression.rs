//! Expressions: operators that leave one value.

use super::body::{Body, Label, gives};
use super::{CONSTANT, GLOBALS, TYPES};
use wasm_encoder::{Instruction, MemArg, ValType};

use Instruction as Op;
use ValType::{F32, F64, I32, I64};

/// The deepest nesting of operators.
const DEEP: u32 = 4;

const I32_BINARY: [Op<'static>; 22] = [
    Op::I32Add,
    Op::I32Sub,
    Op::I32Mul,
    Op::I32And,
    Op::I32Or,
    Op::I32Xor,
    Op::I32Shl,
    Op::I32ShrS,
    Op::I32ShrU,
    Op::I32Rotl,
    Op::I32Rotr,
    Op::I32Eq,
    Op::I32Ne,
    Op::I32LtS,
    Op::I32LtU,
    Op::I32GtS,
    Op::I32GtU,
    Op::I32LeS,
    Op::I32LeU,
    Op::I32GeS,
    Op::I32GeU,
    Op::I32Add,
];
const I64_BINARY: [Op<'static>; 11] = [
    Op::I64Add,
    Op::I64Sub,
    Op::I64Mul,
    Op::I64And,
    Op::I64Or,
    Op::I64Xor,
    Op::I64Shl,
    Op::I64ShrS,
    Op::I64ShrU,
    Op::I64Rotl,
    Op::I64Rotr,
];
const I64_COMPARE: [Op<'static>; 10] = [
    Op::I64Eq,
    Op::I64Ne,
    Op::I64LtS,
    Op::I64LtU,
    Op::I64GtS,
    Op::I64GtU,
    Op::I64LeS,
    Op::I64LeU,
    Op::I64GeS,
    Op::I64GeU,
];
const F32_BINARY: [Op<'static>; 7] = [
    Op::F32Add,
    Op::F32Sub,
    Op::F32Mul,
    Op::F32Div,
    Op::F32Min,
    Op::F32Max,
    Op::F32Copysign,
];
const F64_BINARY: [Op<'static>; 7] = [
    Op::F64Add,
    Op::F64Sub,
    Op::F64Mul,
    Op::F64Div,
    Op::F64Min,
    Op::F64Max,
    Op::F64Copysign,
];
const F32_COMPARE: [Op<'static>; 6] = [
    Op::F32Eq,
    Op::F32Ne,
    Op::F32Lt,
    Op::F32Gt,
    Op::F32Le,
    Op::F32Ge,
];
const F64_COMPARE: [Op<'static>; 6] = [
    Op::F64Eq,
    Op::F64Ne,
    Op::F64Lt,
    Op::F64Gt,
    Op::F64Le,
    Op::F64Ge,
];
/// Divisions whose divisor is made odd.
const I32_DIVIDE: [Op<'static>; 4] = [Op::I32DivS, Op::I32DivU, Op::I32RemS, Op::I32RemU];
const I64_DIVIDE: [Op<'static>; 4] = [Op::I64DivS, Op::I64DivU, Op::I64RemS, Op::I64RemU];

/// Operators with one operand: its type and they.
const TO_I32: [(ValType, Op<'static>); 12] = [
    (I32, Op::I32Clz),
    (I32, Op::I32Ctz),
    (I32, Op::I32Popcnt),
    (I32, Op::I32Eqz),
    (I32, Op::I32Extend8S),
    (I32, Op::I32Extend16S),
    (I64, Op::I64Eqz),
    (I64, Op::I32WrapI64),
    (F32, Op::I32TruncSatF32S),
    (F64, Op::I32TruncSatF64U),
    (F32, Op::I32ReinterpretF32),
    (F64, Op::I32TruncSatF64S),
];
const TO_I64: [(ValType, Op<'static>); 12] = [
    (I64, Op::I64Clz),
    (I64, Op::I64Ctz),
    (I64, Op::I64Popcnt),
    (I64, Op::I64Extend8S),
    (I64, Op::I64Extend16S),
    (I64, Op::I64Extend32S),
    (I32, Op::I64ExtendI32S),
    (I32, Op::I64ExtendI32U),
    (F32, Op::I64TruncSatF32U),
    (F64, Op::I64TruncSatF64S),
    (F64, Op::I64TruncSatF64U),
    (F64, Op::I64ReinterpretF64),
];
const TO_F32: [(ValType, Op<'static>); 13] = [
    (F32, Op::F32Abs),
    (F32, Op::F32Neg),
    (F32, Op::F32Ceil),
    (F32, Op::F32Floor),
    (F32, Op::F32Trunc),
    (F32, Op::F32Nearest),
    (F32, Op::F32Sqrt),
    (I32, Op::F32ConvertI32S),
    (I32, Op::F32ConvertI32U),
    (I64, Op::F32ConvertI64S),
    (I64, Op::F32ConvertI64U),
    (F64, Op::F32DemoteF64),
    (I32, Op::F32ReinterpretI32),
];
const TO_F64: [(ValType, Op<'static>); 13] = [
    (F64, Op::F64Abs),
    (F64, Op::F64Neg),
    (F64, Op::F64Ceil),
    (F64, Op::F64Floor),
    (F64, Op::F64Trunc),
    (F64, Op::F64Nearest),
    (F64, Op::F64Sqrt),
    (I32, Op::F64ConvertI32S),
    (I32, Op::F64ConvertI32U),
    (I64, Op::F64ConvertI64S),
    (I64, Op::F64ConvertI64U),
    (F32, Op::F64PromoteF32),
    (I64, Op::F64ReinterpretI64),
];

/// Conversions that trap: for the risky, or for operands that are known to fit.
const TRUNC: [(ValType, ValType, Op<'static>); 8] = [
    (I32, F32, Op::I32TruncF32S),
    (I32, F32, Op::I32TruncF32U),
    (I32, F64, Op::I32TruncF64S),
    (I32, F64, Op::I32TruncF64U),
    (I64, F32, Op::I64TruncF32S),
    (I64, F32, Op::I64TruncF32U),
    (I64, F64, Op::I64TruncF64S),
    (I64, F64, Op::I64TruncF64U),
];

impl Body<'_> {
    /// Leaves a value of this type.
    pub(super) fn value(&mut self, ty: ValType, depth: u32) {
        if ty == ValType::EXTERNREF {
            return self.host_value();
        }
        let kinds = if depth < DEEP { 16 } else { 5 };
        match self.rng.below(kinds) {
            0 | 1 => self.constant(ty),
            2 | 3 => {
                let from = self.variable(ty);
                self.push(Op::LocalGet(from));
            }
            4 => self.read_global(ty),
            5..=7 => self.binary(ty, depth),
            8 => self.divide(ty, depth),
            9 | 10 => self.unary(ty, depth),
            11 => self.load(ty),
            12 => {
                self.value(ty, depth + 1);
                self.value(ty, depth + 1);
                self.value(I32, depth + 1);
                self.push(Op::Select);
            }
            13 => self.choose(ty, depth),
            14 => {
                self.value(ty, depth + 1);
                let to = self.variable(ty);
                self.push(Op::LocalTee(to));
            }
            _ => self.call_for(ty, depth),
        }
    }

    fn constant(&mut self, ty: ValType) {
        let word = self.rng.word();
        let op = match ty {
            I32 => Op::I32Const(word as u32 as i32),
            I64 => Op::I64Const(word.cast_signed()),
            F32 => Op::F32Const(f32::from_bits(self.rng.f32_bits()).into()),
            _ => Op::F64Const(f64::from_bits(self.rng.f64_bits()).into()),
        };
        self.push(op);
    }

    fn read_global(&mut self, ty: ValType) {
        if ty == I32 {
            match self.rng.below(4) {
                0 => return self.push(Op::GlobalGet(CONSTANT)),
                1 => return self.push(Op::MemorySize(0)),
                2 => {
                    let table = self.rng.below(3);
                    return self.push(Op::TableSize(table));
                }
                _ => {}
            }
        }
        let of: Vec<u32> = (0..)
            .zip(GLOBALS)
            .filter(|(_, t)| *t == ty)
            .map(|(global, _)| global)
            .collect();
        let global = *self.rng.pick(&of);
        self.push(Op::GlobalGet(global));
    }

    fn binary(&mut self, ty: ValType, depth: u32) {
        let (operands, op) = match ty {
            I32 => match self.rng.below(8) {
                0 => (I64, self.rng.pick(&I64_COMPARE).clone()),
                1 => (F32, self.rng.pick(&F32_COMPARE).clone()),
                2 => (F64, self.rng.pick(&F64_COMPARE).clone()),
                _ => (I32, self.rng.pick(&I32_BINARY).clone()),
            },
            I64 => (I64, self.rng.pick(&I64_BINARY).clone()),
            F32 => (F32, self.rng.pick(&F32_BINARY).clone()),
            _ => (F64, self.rng.pick(&F64_BINARY).clone()),
        };
        self.value(operands, depth + 1);
        self.value(operands, depth + 1);
        self.push(op);
        self.canonicalize(ty);
    }

    fn divide(&mut self, ty: ValType, depth: u32) {
        let (op, one, most, or, and) = match ty {
            I32 => {
                let op = self.rng.pick(&I32_DIVIDE).clone();
                (
                    op,
                    Op::I32Const(1),
                    Op::I32Const(i32::MAX),
                    Op::I32Or,
                    Op::I32And,
                )
            }
            I64 => {
                let op = self.rng.pick(&I64_DIVIDE).clone();
                (
                    op,
                    Op::I64Const(1),
                    Op::I64Const(i64::MAX),
                    Op::I64Or,
                    Op::I64And,
                )
            }
            _ => return self.binary(ty, depth),
        };
        self.value(ty, depth + 1);
        self.value(ty, depth + 1);
        if !(self.risky && self.rng.chance(1, 3)) {
            self.push_all([one, or]);
            if matches!(op, Op::I32DivS | Op::I64DivS) {
                // The smallest number divided by -1 overflows; its remainder does not.
                self.push_all([most, and]);
            }
        }
        self.push(op);
    }

    fn unary(&mut self, ty: ValType, depth: u32) {
        if matches!(ty, I32 | I64) && self.rng.chance(1, 8) {
            return self.truncate(ty, depth);
        }
        let (operand, op) = match ty {
            I32 => self.rng.pick(&TO_I32).clone(),
            I64 => self.rng.pick(&TO_I64).clone(),
            F32 => self.rng.pick(&TO_F32).clone(),
            _ => self.rng.pick(&TO_F64).clone(),
        };
        self.value(operand, depth + 1);
        self.push(op);
        self.canonicalize(ty);
    }

    fn truncate(&mut self, ty: ValType, depth: u32) {
        let of: Vec<_> = TRUNC.iter().filter(|(to, ..)| *to == ty).collect();
        let (_, from, op) = (*self.rng.pick(&of)).clone();
        if self.risky && self.rng.chance(1, 2) {
            self.value(from, depth + 1);
        } else {
            self.value(I32, depth + 1);
            self.int(0xffff);
            self.push(Op::I32And);
            self.push(if from == F32 {
                Op::F32ConvertI32S
            } else {
                Op::F64ConvertI32S
            });
        }
        self.push(op);
    }

    /// Replaces a NaN, whose bits the specification leaves open, by a certain one.
    fn canonicalize(&mut self, ty: ValType) {
        let (nan, same) = match ty {
            F32 => (Op::F32Const(f32::from_bits(0x7fc0_0000).into()), Op::F32Eq),
            F64 => (Op::F64Const(f64::from_bits(0x7ff8 << 48).into()), Op::F64Eq),
            _ => return,
        };
        let kept = self.local(ty);
        self.push_all([
            Op::LocalTee(kept),
            nan,
            Op::LocalGet(kept),
            Op::LocalGet(kept),
            same,
            Op::Select,
        ]);
    }

    fn load(&mut self, ty: ValType) {
        self.address();
        let make: (u32, fn(MemArg) -> Op<'static>) = match (ty, self.rng.below(8)) {
            (I32, 0) => (0, Op::I32Load8S),
            (I32, 1) => (0, Op::I32Load8U),
            (I32, 2) => (1, Op::I32Load16S),
            (I32, 3) => (1, Op::I32Load16U),
            (I32, _) => (2, Op::I32Load),
            (I64, 0) => (0, Op::I64Load8S),
            (I64, 1) => (0, Op::I64Load8U),
            (I64, 2) => (1, Op::I64Load16S),
            (I64, 3) => (1, Op::I64Load16U),
            (I64, 4) => (2, Op::I64Load32S),
            (I64, 5) => (2, Op::I64Load32U),
            (I64, _) => (3, Op::I64Load),
            (F32, _) => (2, Op::F32Load),
            _ => (3, Op::F64Load),
        };
        let access = self.access(make.0);
        self.push(make.1(access));
        self.canonicalize(ty);
    }

    /// An `if` with a result, or a block that is left early with one.
    fn choose(&mut self, ty: ValType, depth: u32) {
        if self.rng.chance(1, 2) {
            self.value(I32, depth + 1);
            self.push(Op::If(gives(ty)));
            self.labels.push(Label::Closed);
            self.value(ty, depth + 1);
            self.push(Op::Else);
            self.value(ty, depth + 1);
            self.labels.pop();
            self.push(Op::End);
        } else {
            self.nest(Op::Block(gives(ty)), Label::Closed, |b| {
                b.value(ty, depth + 1);
                b.value(I32, depth + 1);
                b.push_all([Op::BrIf(0), Op::Drop]);
                b.value(ty, depth + 1);
            });
        }
    }

    /// A call that leaves one value of this type.
    fn call_for(&mut self, ty: ValType, depth: u32) {
        let fitting: Vec<_> = (self.callees.iter())
            .filter(|c| TYPES[c.ty as usize].1 == [ty] && self.affords(c.cost + 40))
            .copied()
            .collect();
        if fitting.is_empty() {
            return self.binary(ty, depth);
        }
        let callee = *self.rng.pick(&fitting);
        for ty in TYPES[callee.ty as usize].0 {
            self.value(*ty, depth + 1);
        }
        self.push(Op::Call(callee.index));
        self.charge(callee.cost);
    }
}
