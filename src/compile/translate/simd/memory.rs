//! Loads and stores of vectors and lanes. Each is one access, checked as any other.

use super::super::Body;
use super::VECTOR;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use types::{I8X16, I16X8, I32X4, I64X2};
use wasmparser::{MemArg, Operator};

/// What becomes of what was loaded.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Load {
    Whole,
    /// Half as many bytes, as lanes of twice the width.
    Signed,
    Unsigned,
    /// A lane, in every place.
    Splat,
    /// A lane, in the lowest place; the others are zero.
    Zero,
}

impl Body<'_, '_> {
    /// Translates a load or store; false if the operator is neither.
    pub(super) fn vector_memory_operator(&mut self, op: &Operator<'_>) -> crate::Result<bool> {
        if let Some((arg, load, ty)) = load_shape(op) {
            self.load_vector(&arg, load, ty)?;
        } else if let Some((arg, ty, lane)) = load_lane_shape(op) {
            self.load_lane(&arg, ty, lane)?;
        } else if let Some((arg, ty, lane)) = store_lane_shape(op) {
            self.store_lane(&arg, ty, lane)?;
        } else if let Operator::V128Store { memarg } = op {
            let (index, value) = self.pop2();
            self.store_value(memarg, index, value)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn load_vector(&mut self, arg: &MemArg, load: Load, ty: Type) -> crate::Result<()> {
        let size = match load {
            Load::Whole => 16,
            Load::Signed | Load::Unsigned => 8,
            Load::Splat | Load::Zero => ty.lane_type().bytes(),
        };
        let index = self.pop();
        let Some((flags, address, offset)) = self.access(arg, index, size)? else {
            return Ok(());
        };
        let ins = self.builder.ins();
        let value = match (load, ty) {
            (Load::Whole, _) => ins.load(ty, flags, address, offset),
            (Load::Signed, I16X8) => ins.sload8x8(flags, address, offset),
            (Load::Signed, I32X4) => ins.sload16x4(flags, address, offset),
            (Load::Signed, _) => ins.sload32x2(flags, address, offset),
            (Load::Unsigned, I16X8) => ins.uload8x8(flags, address, offset),
            (Load::Unsigned, I32X4) => ins.uload16x4(flags, address, offset),
            (Load::Unsigned, _) => ins.uload32x2(flags, address, offset),
            (Load::Splat, _) => {
                let lane = ins.load(ty.lane_type(), flags, address, offset);
                self.builder.ins().splat(ty, lane)
            }
            (Load::Zero, _) => {
                let lane = ins.load(ty.lane_type(), flags, address, offset);
                self.builder.ins().scalar_to_vector(ty, lane)
            }
        };
        self.push_vector(value);
        Ok(())
    }

    fn load_lane(&mut self, arg: &MemArg, ty: Type, lane: u8) -> crate::Result<()> {
        let vector = self.pop_lanes(ty);
        let index = self.pop();
        let lane_type = ty.lane_type();
        let Some((flags, address, offset)) = self.access(arg, index, lane_type.bytes())? else {
            return Ok(());
        };
        let ins = self.builder.ins();
        let value = ins.load(lane_type, flags, address, offset);
        let value = self.builder.ins().insertlane(vector, value, lane);
        self.push_vector(value);
        Ok(())
    }

    fn store_lane(&mut self, arg: &MemArg, ty: Type, lane: u8) -> crate::Result<()> {
        let vector = self.pop_lanes(ty);
        let index = self.pop();
        let value = self.builder.ins().extractlane(vector, lane);
        self.store_value(arg, index, value)
    }

    fn store_value(&mut self, arg: &MemArg, index: Value, value: Value) -> crate::Result<()> {
        let size = self.builder.func.dfg.value_type(value).bytes();
        if let Some((flags, address, offset)) = self.access(arg, index, size)? {
            self.builder.ins().store(flags, value, address, offset);
        }
        Ok(())
    }

    /// Flags, address and offset of an access that is about to be made; `None` if it always traps.
    fn access(
        &mut self,
        arg: &MemArg,
        index: Value,
        size: u32,
    ) -> crate::Result<Option<(MemFlagsData, Value, i32)>> {
        let Some((address, offset)) = self.heap_address(arg, index, u64::from(size))? else {
            return Ok(None);
        };
        Ok(Some((self.heap_flags(), address, offset)))
    }
}

/// Immediate, use and resulting lanes of a load.
fn load_shape(op: &Operator<'_>) -> Option<(MemArg, Load, Type)> {
    use Operator as O;
    Some(match *op {
        O::V128Load { memarg } => (memarg, Load::Whole, VECTOR),
        O::V128Load8x8S { memarg } => (memarg, Load::Signed, I16X8),
        O::V128Load8x8U { memarg } => (memarg, Load::Unsigned, I16X8),
        O::V128Load16x4S { memarg } => (memarg, Load::Signed, I32X4),
        O::V128Load16x4U { memarg } => (memarg, Load::Unsigned, I32X4),
        O::V128Load32x2S { memarg } => (memarg, Load::Signed, I64X2),
        O::V128Load32x2U { memarg } => (memarg, Load::Unsigned, I64X2),
        O::V128Load8Splat { memarg } => (memarg, Load::Splat, I8X16),
        O::V128Load16Splat { memarg } => (memarg, Load::Splat, I16X8),
        O::V128Load32Splat { memarg } => (memarg, Load::Splat, I32X4),
        O::V128Load64Splat { memarg } => (memarg, Load::Splat, I64X2),
        O::V128Load32Zero { memarg } => (memarg, Load::Zero, I32X4),
        O::V128Load64Zero { memarg } => (memarg, Load::Zero, I64X2),
        _ => return None,
    })
}

fn load_lane_shape(op: &Operator<'_>) -> Option<(MemArg, Type, u8)> {
    use Operator as O;
    Some(match *op {
        O::V128Load8Lane { memarg, lane } => (memarg, I8X16, lane),
        O::V128Load16Lane { memarg, lane } => (memarg, I16X8, lane),
        O::V128Load32Lane { memarg, lane } => (memarg, I32X4, lane),
        O::V128Load64Lane { memarg, lane } => (memarg, I64X2, lane),
        _ => return None,
    })
}

fn store_lane_shape(op: &Operator<'_>) -> Option<(MemArg, Type, u8)> {
    use Operator as O;
    Some(match *op {
        O::V128Store8Lane { memarg, lane } => (memarg, I8X16, lane),
        O::V128Store16Lane { memarg, lane } => (memarg, I16X8, lane),
        O::V128Store32Lane { memarg, lane } => (memarg, I32X4, lane),
        O::V128Store64Lane { memarg, lane } => (memarg, I64X2, lane),
        _ => return None,
    })
}
