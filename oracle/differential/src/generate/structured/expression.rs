//! Expressions: operators that leave one value.

use super::body::{Body, Label, gives};
use super::operators::{
    F32_BINARY, F32_COMPARE, F64_BINARY, F64_COMPARE, I32_BINARY, I32_DIVIDE, I64_BINARY,
    I64_COMPARE, I64_DIVIDE, TO_F32, TO_F64, TO_I32, TO_I64, TRUNC,
};
use super::{CONSTANT, GLOBALS, TYPES};
use wasm_encoder::{Instruction, MemArg, ValType};

use Instruction as Op;
use ValType::{F32, F64, I32, I64};

/// The deepest nesting of operators.
const DEEP: u32 = 4;

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
        let op = match ty {
            I32 => Op::I32Const(self.rng.half_word()),
            I64 => Op::I64Const(self.rng.word().cast_signed()),
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
