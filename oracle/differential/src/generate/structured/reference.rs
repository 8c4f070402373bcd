//! Statements on references and tables, and calls through them.

use super::body::{Body, Label};
use super::{FIRST, SECOND};
use wasm_encoder::{BlockType, HeapType, Instruction, ValType};

use ValType::{I32, I64};

/// The table that functions change, and that of the host's references.
const WORKING: u32 = 1;
const HOST: u32 = 2;
/// The global that holds one of those.
const GLOBAL: u32 = 5;

impl Body<'_> {
    /// An index of a working table: in bounds unless the module is a risky one.
    fn index(&mut self, mask: u32) {
        self.value(I32, 1);
        if !(self.risky && self.rng.chance(1, 6)) {
            self.int(mask);
            self.push(Instruction::I32And);
        }
    }

    /// A function of the first type, or null.
    fn function(&mut self) {
        match self.rng.below(4) {
            0 => self.push(Instruction::RefNull(HeapType::FUNC)),
            1 => {
                self.index(7);
                self.push(Instruction::TableGet(WORKING));
            }
            2 => {
                self.index(3);
                self.push(Instruction::TableGet(0));
            }
            // The leaves that follow the one without parameters.
            _ => {
                let leaf = 6 + self.rng.below(3);
                self.push(Instruction::RefFunc(leaf));
            }
        }
    }

    /// A reference of the host, or null.
    pub(super) fn host_value(&mut self) {
        match self.rng.below(5) {
            0 => self.push(Instruction::RefNull(HeapType::EXTERN)),
            1 => {
                self.index(7);
                self.push(Instruction::TableGet(HOST));
            }
            2 => self.push(Instruction::GlobalGet(GLOBAL)),
            _ => {
                let from = self.variable(ValType::EXTERNREF);
                self.push(Instruction::LocalGet(from));
            }
        }
    }

    fn either(&mut self, table: u32) {
        if table == WORKING {
            self.function();
        } else {
            self.host_value();
        }
    }

    pub(super) fn references(&mut self) {
        let table = 1 + self.rng.below(2);
        match self.rng.below(9) {
            0 | 1 => {
                self.index(7);
                self.either(table);
                self.push(Instruction::TableSet(table));
            }
            2 => {
                self.either(table);
                if self.rng.chance(1, 2) {
                    let by = self.rng.below(2);
                    self.int(by);
                } else {
                    self.index(1);
                }
                self.push(Instruction::TableGrow(table));
                let to = self.variable(I32);
                self.push(Instruction::LocalSet(to));
            }
            3 => {
                self.index(3);
                self.either(table);
                self.index(3);
                self.push(Instruction::TableFill(table));
                self.charge(2);
            }
            4 => {
                let src_table = if table == WORKING && self.rng.chance(1, 2) {
                    0
                } else {
                    table
                };
                let src = if src_table == 0 { 1 } else { 3 };
                self.index(3);
                self.index(src);
                self.index(src);
                self.push(Instruction::TableCopy {
                    src_table,
                    dst_table: table,
                });
                self.charge(2);
            }
            5 => {
                self.index(3);
                let from = self.rng.below(4);
                let len = self.rng.below(5 - from);
                self.int(from);
                self.int(len);
                self.push(Instruction::TableInit {
                    elem_index: 2,
                    table: WORKING,
                });
                self.charge(u64::from(len));
                if self.rng.chance(1, 4) {
                    self.push(Instruction::ElemDrop(3));
                }
            }
            6 => {
                self.host_value();
                let to = self.variable(ValType::EXTERNREF);
                self.push(Instruction::LocalSet(to));
            }
            7 => {
                self.host_value();
                self.push(Instruction::GlobalSet(GLOBAL));
            }
            _ => {
                self.push(Instruction::TableSize(table));
                let to = self.variable(I32);
                self.push(Instruction::LocalSet(to));
            }
        }
    }

    /// Calls through a table. Leaves cost up to 300 units, roughly; they call nothing themselves.
    pub(super) fn call_table(&mut self) {
        if self.callees.is_empty() || !self.affords(320) {
            return self.references();
        }
        match self.rng.below(3) {
            0 => {
                self.value(I32, 1);
                self.index(3);
                self.push(Instruction::CallIndirect {
                    type_index: FIRST,
                    table_index: 0,
                });
                let to = self.variable(I32);
                self.push(Instruction::LocalSet(to));
            }
            1 => {
                self.value(I64, 1);
                self.index(3);
                let base = if self.risky && self.rng.chance(1, 6) {
                    2
                } else {
                    4
                };
                self.int(base);
                self.push(Instruction::I32Add);
                self.push(Instruction::CallIndirect {
                    type_index: SECOND,
                    table_index: 0,
                });
                let to = self.variable(I64);
                self.push(Instruction::LocalSet(to));
            }
            _ => self.call_if_any(),
        }
        self.charge(300);
    }

    /// Calls an element of the working table unless it is null.
    fn call_if_any(&mut self) {
        let at = self.local(I32);
        self.index(7);
        self.push(Instruction::LocalTee(at));
        self.push_all([Instruction::TableGet(WORKING), Instruction::RefIsNull]);
        if !self.risky || self.rng.chance(5, 6) {
            self.push(Instruction::I32Eqz);
        }
        self.nest(Instruction::If(BlockType::Empty), Label::Free, |b| {
            b.value(I32, 1);
            b.push(Instruction::LocalGet(at));
            b.push(Instruction::CallIndirect {
                type_index: FIRST,
                table_index: WORKING,
            });
            let to = b.variable(I32);
            b.push(Instruction::LocalSet(to));
        });
    }
}
