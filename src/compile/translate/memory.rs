//! Linear memories: loads, stores, bounds checks, size, growth and bulk operations.
//!
//! A check is one of these, the first that applies:
//!
//! | what is known | check |
//! |---|---|
//! | the access ends beyond the largest size | trap |
//! | reservation and guard hold any 32-bit index | none: the access faults |
//! | constant index inside the smallest size | none |
//! | the memory never leaves its reservation | index against a constant |
//! | the guard holds offset and access size | index against the length |
//! | anything else | end of the access against the length |
//!
//! A failed check turns the address into null without a branch, which also stops speculation. With signals the access
//! then faults; without, a branch has raised before.

use super::{Body, POINTER, Region, at, index_of};
use crate::abi::VmMemory;
use crate::abi::builtins::Builtin;
use crate::memory::MemoryPlan;
use crate::wasm::{MemoryDesc, MemoryIndex, Trap};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Opcode, Type, Value, types};
use wasmparser::{MemArg, MemArgTarget, Operator};

impl Body<'_, '_> {
    /// Translates an operator on memories; false if it is none.
    pub(super) fn memory_operator(&mut self, op: &Operator<'_>) -> crate::Result<bool> {
        if let Some((arg, opcode, ty, size)) = load_shape(op) {
            self.load(&arg, opcode, ty, size)?;
            return Ok(true);
        }
        if let Some((arg, opcode, size)) = store_shape(op) {
            self.store(&arg, opcode, size)?;
            return Ok(true);
        }
        match *op {
            Operator::MemorySize { mem } => self.memory_size(mem),
            Operator::MemoryGrow { mem } => self.memory_grow(mem),
            Operator::MemoryFill { mem } => self.memory_fill(mem),
            Operator::MemoryCopy { dst_mem, src_mem } => self.memory_copy(dst_mem, src_mem),
            Operator::MemoryInit { data_index, mem } => self.memory_init(data_index, mem),
            Operator::DataDrop { data_index } => {
                let data = self.i32_const(data_index);
                self.call_builtin(Builtin::DataDrop, &[data]);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn desc(&self, memory: u32) -> MemoryDesc {
        self.env.module.memories[index_of::<MemoryIndex>(memory)]
    }

    fn load(&mut self, arg: &MemArg, opcode: Opcode, ty: Type, size: u64) -> crate::Result<()> {
        let index = self.pop();
        let Some((address, offset)) = self.heap_address(arg, index, size)? else {
            return Ok(());
        };
        let flags = self.heap_flags();
        let ins = self.builder.ins();
        let value = match opcode {
            Opcode::Load => ins.load(ty, flags, address, offset),
            Opcode::Uload8 => ins.uload8(ty, flags, address, offset),
            Opcode::Sload8 => ins.sload8(ty, flags, address, offset),
            Opcode::Uload16 => ins.uload16(ty, flags, address, offset),
            Opcode::Sload16 => ins.sload16(ty, flags, address, offset),
            Opcode::Uload32 => ins.uload32(flags, address, offset),
            _ => ins.sload32(flags, address, offset),
        };
        self.push(value);
        Ok(())
    }

    fn store(&mut self, arg: &MemArg, opcode: Opcode, size: u64) -> crate::Result<()> {
        let (index, value) = self.pop2();
        let Some((address, offset)) = self.heap_address(arg, index, size)? else {
            return Ok(());
        };
        let flags = self.heap_flags();
        let ins = self.builder.ins();
        match opcode {
            Opcode::Store => ins.store(flags, value, address, offset),
            Opcode::Istore8 => ins.istore8(flags, value, address, offset),
            Opcode::Istore16 => ins.istore16(flags, value, address, offset),
            _ => ins.istore32(flags, value, address, offset),
        };
        Ok(())
    }

    /// Flags of an access that is about to be made.
    pub(super) fn heap_flags(&mut self) -> MemFlagsData {
        let code = self.fault_code(Trap::MemoryOutOfBounds);
        MemFlagsData::new()
            .with_trap_code(code)
            .with_endianness(Endianness::Little)
            .with_alias_region(Some(self.regions[Region::Heap as usize]))
    }

    /// Checks an access and gives its address and remaining offset; `None` if it always traps.
    pub(super) fn heap_address(
        &mut self,
        arg: &MemArg,
        index: Value,
        size: u64,
    ) -> crate::Result<Option<(Value, i32)>> {
        let MemArgTarget::Memory(memory) = arg.target else {
            return Err(super::not_supported(&"a load or store of an array"));
        };
        let memory: MemoryIndex = index_of(memory);
        let desc = self.env.module.memories[memory];
        let plan = MemoryPlan::new(&desc, self.env.tunables);
        let end = arg.offset.checked_add(size);
        let Some(end) = end.filter(|&end| end <= desc.max_bytes()) else {
            if u32::try_from(arg.offset).is_ok() {
                self.trap(Trap::MemoryOutOfBounds);
                return Ok(None);
            }
            // What follows counts as reached: that decides which lengths are constants, and so where fuel is looked at.
            // Fuel is part of the contract; there such an offset is added to the index before bounds are looked at.
            let always = self.builder.ins().iconst(types::I8, 1);
            self.trap_if(always, Trap::MemoryOutOfBounds);
            return Ok(Some((self.builder.ins().iconst(POINTER, 0), 0)));
        };

        let min = desc.min_bytes().unwrap_or(u64::MAX);
        // What lies behind the length is inaccessible only from the next page of the host on.
        let paged = self.signals() && desc.page_size_log2 >= 16;
        let constant = self.as_constant(index);
        let wide = self.widen(index, desc.memory64);
        if paged && !desc.memory64 && plan.covers_any_u32_index(arg.offset, size)
            || constant
                .and_then(|index| index.checked_add(end))
                .is_some_and(|end| end <= min)
        {
            return Ok(Some(self.offset_address(memory, wide, arg.offset)));
        }

        let reach = plan.reservation.saturating_add(plan.guard);
        let out = if paged && !plan.may_move && min <= plan.reservation && end <= reach {
            let last = (reach - end).cast_signed();
            let last = self.builder.ins().iconst(types::I64, last);
            self.builder
                .ins()
                .icmp(IntCC::UnsignedGreaterThan, wide, last)
        } else if paged && end <= plan.guard {
            let len = self.memory_len(memory);
            self.builder
                .ins()
                .icmp(IntCC::UnsignedGreaterThan, wide, len)
        } else {
            self.ends_beyond(memory, wide, end, min, desc.memory64)
        };
        if !self.signals() {
            self.trap_if(out, Trap::MemoryOutOfBounds);
        }
        // The offset is added before the guard: a speculative access must not reach beyond null.
        let base = self.memory_base(memory);
        let address = self.builder.ins().iadd(base, wide);
        let address = match arg.offset {
            0 => address,
            offset => self.builder.ins().iadd_imm_s(address, offset.cast_signed()),
        };
        let null = self.builder.ins().iconst(POINTER, 0);
        let address = self.builder.ins().select_spectre_guard(out, null, address);
        Ok(Some((address, 0)))
    }

    /// Whether `index + end` exceeds the length, without wrapping.
    fn ends_beyond(
        &mut self,
        memory: MemoryIndex,
        index: Value,
        end: u64,
        min: u64,
        is_64: bool,
    ) -> Value {
        let len = self.memory_len(memory);
        let end_value = self.builder.ins().iconst(types::I64, end.cast_signed());
        if end <= min {
            // The length never falls below the smallest size.
            let last = self.builder.ins().isub(len, end_value);
            return self
                .builder
                .ins()
                .icmp(IntCC::UnsignedGreaterThan, index, last);
        }
        let sum = self.builder.ins().iadd(index, end_value);
        let beyond = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThan, sum, len);
        if !is_64 {
            // 32-bit index, 33-bit end: the sum cannot wrap.
            return beyond;
        }
        let wrapped = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedLessThan, sum, end_value);
        self.builder.ins().bor(wrapped, beyond)
    }

    /// The address of an index that needs no guard, with as much of the offset as an instruction can carry.
    fn offset_address(&mut self, memory: MemoryIndex, index: Value, offset: u64) -> (Value, i32) {
        let base = self.memory_base(memory);
        let address = self.builder.ins().iadd(base, index);
        match i32::try_from(offset) {
            Ok(offset) => (address, offset),
            Err(_) => {
                let offset = offset.cast_signed();
                (self.builder.ins().iadd_imm_s(address, offset), 0)
            }
        }
    }

    /// Where a memory's [`VmMemory`] lives.
    fn memory_place(&mut self, memory: MemoryIndex) -> (Value, u32) {
        match self.env.module.defined_memory(memory) {
            Some(defined) => (self.vmctx, self.env.layout.memory(defined)),
            None => {
                let offset = self.env.layout.imported_memory(memory);
                (self.load_constant(self.vmctx, offset), 0)
            }
        }
    }

    fn memory_base(&mut self, memory: MemoryIndex) -> Value {
        let desc = &self.env.module.memories[memory];
        let may_move = MemoryPlan::new(desc, self.env.tunables).may_move;
        let (place, offset) = self.memory_place(memory);
        let offset = offset + VmMemory::OFFSET_BASE;
        if may_move {
            let flags = self.flags(Region::Bounds);
            self.builder.ins().load(POINTER, flags, place, at(offset))
        } else {
            self.load_constant(place, offset)
        }
    }

    /// The current size in bytes.
    fn memory_len(&mut self, memory: MemoryIndex) -> Value {
        let desc = &self.env.module.memories[memory];
        if let (Some(min), true) = (desc.min_bytes(), desc.max == Some(desc.min)) {
            return self.builder.ins().iconst(types::I64, min.cast_signed());
        }
        let (place, offset) = self.memory_place(memory);
        let flags = self.flags(Region::Bounds);
        let offset = at(offset + VmMemory::OFFSET_LEN);
        self.builder.ins().load(types::I64, flags, place, offset)
    }

    fn memory_size(&mut self, memory: u32) {
        let desc = self.desc(memory);
        let len = self.memory_len(index_of(memory));
        let pages = self
            .builder
            .ins()
            .ushr_imm_u(len, i64::from(desc.page_size_log2));
        let pages = self.narrow(pages, desc.memory64);
        self.push(pages);
    }

    fn memory_grow(&mut self, memory: u32) {
        let delta = self.pop();
        let is_64 = self.desc(memory).memory64;
        if self.as_constant(delta).is_none() {
            // Pages cost nothing, but like a bulk operation of unknown length this is a place to stop at.
            self.check_interrupts();
        }
        let delta = self.widen(delta, is_64);
        let index = self.i32_const(memory);
        self.save_fuel();
        let old = self
            .call_builtin(Builtin::MemoryGrow, &[index, delta])
            .expect("returns a size");
        let old = self.narrow(old, is_64);
        self.push(old);
    }

    fn memory_fill(&mut self, memory: u32) {
        let (dst, value, len) = self.pop3();
        let is_64 = self.desc(memory).memory64;
        let dst = self.widen(dst, is_64);
        let wide = self.widen(len, is_64);
        let cost = self.env.tunables.operator_cost.per_byte;
        self.call_bulk(Builtin::MemoryFill, memory, &[dst, value, wide], len, cost);
    }

    fn memory_copy(&mut self, dst_memory: u32, src_memory: u32) {
        let (dst, src, len) = self.pop3();
        let dst_64 = self.desc(dst_memory).memory64;
        let src_64 = self.desc(src_memory).memory64;
        let dst = self.widen(dst, dst_64);
        let src = self.widen(src, src_64);
        let wide = self.widen(len, dst_64 && src_64);
        let source = self.i32_const(src_memory);
        let cost = self.env.tunables.operator_cost.per_byte;
        let args = [dst, source, src, wide];
        self.call_bulk(Builtin::MemoryCopy, dst_memory, &args, len, cost);
    }

    fn memory_init(&mut self, data: u32, memory: u32) {
        let (dst, src, len) = self.pop3();
        let is_64 = self.desc(memory).memory64;
        let dst = self.widen(dst, is_64);
        let src = self.widen(src, false);
        let wide = self.widen(len, false);
        let data = self.i32_const(data);
        let cost = self.env.tunables.operator_cost.per_byte;
        let args = [data, dst, src, wide];
        self.call_bulk(Builtin::MemoryInit, memory, &args, len, cost);
    }
}

/// Immediate, CLIF opcode, result type and bytes of a load.
fn load_shape(op: &Operator<'_>) -> Option<(MemArg, Opcode, Type, u64)> {
    Some(match *op {
        Operator::I32Load { memarg } => (memarg, Opcode::Load, types::I32, 4),
        Operator::I64Load { memarg } => (memarg, Opcode::Load, types::I64, 8),
        Operator::F32Load { memarg } => (memarg, Opcode::Load, types::F32, 4),
        Operator::F64Load { memarg } => (memarg, Opcode::Load, types::F64, 8),
        Operator::I32Load8S { memarg } => (memarg, Opcode::Sload8, types::I32, 1),
        Operator::I32Load8U { memarg } => (memarg, Opcode::Uload8, types::I32, 1),
        Operator::I32Load16S { memarg } => (memarg, Opcode::Sload16, types::I32, 2),
        Operator::I32Load16U { memarg } => (memarg, Opcode::Uload16, types::I32, 2),
        Operator::I64Load8S { memarg } => (memarg, Opcode::Sload8, types::I64, 1),
        Operator::I64Load8U { memarg } => (memarg, Opcode::Uload8, types::I64, 1),
        Operator::I64Load16S { memarg } => (memarg, Opcode::Sload16, types::I64, 2),
        Operator::I64Load16U { memarg } => (memarg, Opcode::Uload16, types::I64, 2),
        Operator::I64Load32S { memarg } => (memarg, Opcode::Sload32, types::I64, 4),
        Operator::I64Load32U { memarg } => (memarg, Opcode::Uload32, types::I64, 4),
        _ => return None,
    })
}

/// Immediate, CLIF opcode and bytes of a store.
fn store_shape(op: &Operator<'_>) -> Option<(MemArg, Opcode, u64)> {
    Some(match *op {
        Operator::I32Store { memarg } | Operator::F32Store { memarg } => (memarg, Opcode::Store, 4),
        Operator::I64Store { memarg } | Operator::F64Store { memarg } => (memarg, Opcode::Store, 8),
        Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => {
            (memarg, Opcode::Istore8, 1)
        }
        Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => {
            (memarg, Opcode::Istore16, 2)
        }
        Operator::I64Store32 { memarg } => (memarg, Opcode::Istore32, 4),
        _ => return None,
    })
}
