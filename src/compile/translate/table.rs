//! Tables: elements, size, growth and bulk operations.

use super::{Body, POINTER, Region, at, index_of};
use crate::abi::VmTable;
use crate::abi::builtins::Builtin;
use crate::wasm::{TableIndex, Trap};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmparser::Operator;

impl Body<'_, '_> {
    /// Translates an operator on tables; false if it is none.
    pub(super) fn table_operator(&mut self, op: &Operator<'_>) -> crate::Result<bool> {
        match *op {
            Operator::TableGet { table } => {
                let index = self.pop();
                let value = self.load_element(index_of(table), index);
                self.push(value);
            }
            Operator::TableSet { table } => {
                let (index, value) = self.pop2();
                let address = self.element_address(index_of(table), index);
                let word = self.element_word(value);
                let flags = self.element_flags();
                self.builder.ins().store(flags, word, address, 0);
            }
            Operator::TableSize { table } => {
                let table: TableIndex = index_of(table);
                let len = self.table_len(table);
                let len = self.narrow(len, self.env.module.tables[table].table64);
                self.push(len);
            }
            Operator::TableGrow { table } => self.table_grow(table),
            Operator::TableFill { table } => self.table_fill(table),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => self.table_copy(dst_table, src_table),
            Operator::TableInit { elem_index, table } => self.table_init(elem_index, table),
            Operator::ElemDrop { elem_index } => {
                let elem = self.i32_const(elem_index);
                self.call_builtin(Builtin::ElemDrop, &[elem]);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn is_table64(&self, table: u32) -> bool {
        self.env.module.tables[index_of::<TableIndex>(table)].table64
    }

    fn table_grow(&mut self, table: u32) {
        let (init, delta) = self.pop2();
        let is_64 = self.is_table64(table);
        let init = self.element_word(init);
        let wide = self.widen(delta, is_64);
        let cost = self.env.tunables.operator_cost.per_element;
        let old = self
            .call_bulk(Builtin::TableGrow, table, &[wide, init], delta, cost)
            .expect("returns a size");
        let old = self.narrow(old, is_64);
        self.push(old);
    }

    fn table_fill(&mut self, table: u32) {
        let (dst, value, len) = self.pop3();
        let is_64 = self.is_table64(table);
        let value = self.element_word(value);
        let dst = self.widen(dst, is_64);
        let wide = self.widen(len, is_64);
        let cost = self.env.tunables.operator_cost.per_element;
        self.call_bulk(Builtin::TableFill, table, &[dst, value, wide], len, cost);
    }

    fn table_copy(&mut self, dst_table: u32, src_table: u32) {
        let (dst, src, len) = self.pop3();
        let (dst_64, src_64) = (self.is_table64(dst_table), self.is_table64(src_table));
        let dst = self.widen(dst, dst_64);
        let src = self.widen(src, src_64);
        let wide = self.widen(len, dst_64 && src_64);
        let source = self.i32_const(src_table);
        let cost = self.env.tunables.operator_cost.per_element;
        let args = [dst, source, src, wide];
        self.call_bulk(Builtin::TableCopy, dst_table, &args, len, cost);
    }

    fn table_init(&mut self, elem: u32, table: u32) {
        let (dst, src, len) = self.pop3();
        let is_64 = self.is_table64(table);
        let dst = self.widen(dst, is_64);
        let src = self.widen(src, false);
        let wide = self.widen(len, false);
        let elem = self.i32_const(elem);
        let cost = self.env.tunables.operator_cost.per_element;
        let args = [elem, dst, src, wide];
        self.call_bulk(Builtin::TableInit, table, &args, len, cost);
    }

    /// Where a table's [`VmTable`] lives.
    fn table_place(&mut self, table: TableIndex) -> (Value, u32) {
        match self.env.module.defined_table(table) {
            Some(defined) => (self.vmctx, self.env.layout.table(defined)),
            None => {
                let offset = self.env.layout.imported_table(table);
                (self.load_constant(self.vmctx, offset), 0)
            }
        }
    }

    /// The current number of elements, as 64 bits.
    fn table_len(&mut self, table: TableIndex) -> Value {
        let desc = &self.env.module.tables[table];
        if desc.max == Some(desc.min) {
            let len = desc.min.cast_signed();
            return self.builder.ins().iconst(types::I64, len);
        }
        let (place, offset) = self.table_place(table);
        let flags = self.flags(Region::Bounds);
        let offset = at(offset + VmTable::OFFSET_LEN);
        self.builder.ins().load(types::I64, flags, place, offset)
    }

    /// The address of an element. An index out of bounds gives null, so that speculation cannot pass the check, and with
    /// signals the access faults; it must have [`Body::element_flags`].
    fn element_address(&mut self, table: TableIndex, index: Value) -> Value {
        let index = self.widen(index, self.env.module.tables[table].table64);
        let len = self.table_len(table);
        let out = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        if !self.signals() {
            self.trap_if(out, Trap::TableOutOfBounds);
        }
        let (place, offset) = self.table_place(table);
        let base = self.load_constant(place, offset + VmTable::OFFSET_BASE);
        let scale = i64::from(VmTable::ELEMENT_SIZE.trailing_zeros());
        let distance = self.builder.ins().ishl_imm_u(index, scale);
        let address = self.builder.ins().iadd(base, distance);
        let null = self.builder.ins().iconst(POINTER, 0);
        self.builder.ins().select_spectre_guard(out, null, address)
    }

    /// Checks the index and loads a value of the table's type.
    pub(super) fn load_element(&mut self, table: TableIndex, index: Value) -> Value {
        let is_func = self.env.module.tables[table].element.is_func();
        let address = self.element_address(table, index);
        let flags: MemFlagsData = self.element_flags();
        let word = self.builder.ins().load(types::I64, flags, address, 0);
        if is_func {
            word
        } else {
            self.builder.ins().ireduce(types::I32, word)
        }
    }

    /// A reference as tables hold it.
    fn element_word(&mut self, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value) == types::I64 {
            value
        } else {
            self.builder.ins().uextend(types::I64, value)
        }
    }
}
