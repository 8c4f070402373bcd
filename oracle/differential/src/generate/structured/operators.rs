//! Numeric operators by what they take and leave.

use wasm_encoder::{Instruction, ValType};

use Instruction as Op;
use ValType::{F32, F64, I32, I64};

pub(super) const I32_BINARY: [Op<'static>; 22] = [
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
pub(super) const I64_BINARY: [Op<'static>; 11] = [
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
pub(super) const I64_COMPARE: [Op<'static>; 10] = [
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
pub(super) const F32_BINARY: [Op<'static>; 7] = [
    Op::F32Add,
    Op::F32Sub,
    Op::F32Mul,
    Op::F32Div,
    Op::F32Min,
    Op::F32Max,
    Op::F32Copysign,
];
pub(super) const F64_BINARY: [Op<'static>; 7] = [
    Op::F64Add,
    Op::F64Sub,
    Op::F64Mul,
    Op::F64Div,
    Op::F64Min,
    Op::F64Max,
    Op::F64Copysign,
];
pub(super) const F32_COMPARE: [Op<'static>; 6] = [
    Op::F32Eq,
    Op::F32Ne,
    Op::F32Lt,
    Op::F32Gt,
    Op::F32Le,
    Op::F32Ge,
];
pub(super) const F64_COMPARE: [Op<'static>; 6] = [
    Op::F64Eq,
    Op::F64Ne,
    Op::F64Lt,
    Op::F64Gt,
    Op::F64Le,
    Op::F64Ge,
];
/// Divisions whose divisor is made odd.
pub(super) const I32_DIVIDE: [Op<'static>; 4] =
    [Op::I32DivS, Op::I32DivU, Op::I32RemS, Op::I32RemU];
pub(super) const I64_DIVIDE: [Op<'static>; 4] =
    [Op::I64DivS, Op::I64DivU, Op::I64RemS, Op::I64RemU];

/// Operators with one operand: its type and they.
pub(super) const TO_I32: [(ValType, Op<'static>); 12] = [
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
pub(super) const TO_I64: [(ValType, Op<'static>); 12] = [
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
pub(super) const TO_F32: [(ValType, Op<'static>); 13] = [
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
pub(super) const TO_F64: [(ValType, Op<'static>); 13] = [
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
pub(super) const TRUNC: [(ValType, ValType, Op<'static>); 8] = [
    (I32, F32, Op::I32TruncF32S),
    (I32, F32, Op::I32TruncF32U),
    (I32, F64, Op::I32TruncF64S),
    (I32, F64, Op::I32TruncF64U),
    (I64, F32, Op::I64TruncF32S),
    (I64, F32, Op::I64TruncF32U),
    (I64, F64, Op::I64TruncF64S),
    (I64, F64, Op::I64TruncF64U),
];
