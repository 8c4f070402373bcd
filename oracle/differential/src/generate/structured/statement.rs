//! Statements: what changes variables, memories and globals, and what loops and branches.

use super::body::{Body, Label};
use super::{DATA, GLOBALS, TYPES};
use wasm_encoder::{BlockType, Instruction, MemArg, MemArgTarget, ValType};

use ValType::{F32, F64, I32, I64};

/// The numeric types.
pub(super) const NUMBERS: [ValType; 4] = [I32, I64, F32, F64];
/// The deepest nesting of blocks.
const DEEP: u32 = 4;
/// Addresses are below this, so that offsets and widths stay inside the first page.
const ADDRESSES: u32 = 0x7fff;

impl Body<'_> {
    pub(super) fn statement(&mut self, depth: u32) {
        let kinds = if depth < DEEP { 22 } else { 14 };
        match self.rng.below(kinds) {
            0 | 1 => self.assign(),
            2 | 3 => self.store(),
            4 => self.set_global(),
            5 => self.bulk_memory(),
            6 => self.grow_memory(),
            7 => self.call_table(),
            8 | 9 => self.call(),
            10 | 11 => self.references(),
            12 => self.branch_out(),
            13 => {
                if self.risky && self.rng.chance(1, 6) {
                    self.condition();
                    self.nest(Instruction::If(BlockType::Empty), Label::Free, |b| {
                        b.push(Instruction::Unreachable);
                    });
                } else {
                    self.push(Instruction::Nop);
                    self.assign();
                }
            }
            14 | 15 => self.choice(depth),
            16 => self.switch(depth),
            17..=19 => self.counted_loop(depth),
            20 => self.loop_with_operands(depth),
            _ => self.block_with_operands(depth),
        }
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..1 + self.rng.below(3) {
            self.statement(depth);
        }
    }

    /// An i32 that decides something.
    pub(super) fn condition(&mut self) {
        self.value(I32, 1);
        let mask = 1 + self.rng.below(3);
        self.int(mask);
        self.push(Instruction::I32And);
    }

    fn assign(&mut self) {
        let ty = *self.rng.pick(&NUMBERS);
        self.value(ty, 0);
        let to = self.variable(ty);
        self.push(Instruction::LocalSet(to));
    }

    fn set_global(&mut self) {
        let global = self.rng.below(5);
        self.value(GLOBALS[global as usize], 0);
        self.push(Instruction::GlobalSet(global));
    }

    /// An address, in bounds unless the module is a risky one.
    pub(super) fn address(&mut self) {
        self.value(I32, 1);
        if !(self.risky && self.rng.chance(1, 6)) {
            self.int(ADDRESSES);
            self.push(Instruction::I32And);
        }
    }

    /// Where and how an access goes.
    pub(super) fn access(&mut self, widest: u32) -> MemArg {
        let offset = match self.rng.below(4) {
            0 => self.rng.below(0x7ff0),
            1 if self.risky => 0xffff_0000,
            _ => self.rng.below(64),
        };
        MemArg {
            offset: u64::from(offset),
            align: self.rng.below(widest + 1),
            target: MemArgTarget::Memory(0),
            ordering: None,
        }
    }

    fn store(&mut self) {
        self.address();
        let ty = *self.rng.pick(&NUMBERS);
        self.value(ty, 0);
        let narrow = self.rng.below(4);
        let make: (u32, fn(MemArg) -> Instruction<'static>) = match (ty, narrow) {
            (I32, 0) => (0, Instruction::I32Store8),
            (I32, 1) => (1, Instruction::I32Store16),
            (I32, _) => (2, Instruction::I32Store),
            (I64, 0) => (0, Instruction::I64Store8),
            (I64, 1) => (1, Instruction::I64Store16),
            (I64, 2) => (2, Instruction::I64Store32),
            (I64, _) => (3, Instruction::I64Store),
            (F32, _) => (2, Instruction::F32Store),
            _ => (3, Instruction::F64Store),
        };
        let access = self.access(make.0);
        self.push(make.1(access));
    }

    /// A length up to 255, known to the compiler or not.
    fn length(&mut self) {
        if self.rng.chance(1, 2) {
            let len = self.rng.below(256);
            self.int(len);
            self.charge(u64::from(len));
        } else {
            self.value(I32, 1);
            self.int(0xff);
            self.push(Instruction::I32And);
            self.charge(128);
        }
    }

    fn bulk_memory(&mut self) {
        if !self.affords(300) {
            return self.store();
        }
        match self.rng.below(5) {
            0 => {
                self.address();
                self.value(I32, 1);
                self.length();
                self.push(Instruction::MemoryFill(0));
            }
            1 | 2 => {
                self.address();
                self.address();
                self.length();
                self.push(Instruction::MemoryCopy {
                    src_mem: 0,
                    dst_mem: 0,
                });
            }
            3 => {
                let from = self.rng.below(DATA);
                let len = self.rng.below(DATA - from + 1);
                self.address();
                self.int(from);
                self.int(len);
                self.charge(u64::from(len));
                self.push(Instruction::MemoryInit {
                    mem: 0,
                    data_index: 0,
                });
            }
            _ => {
                self.push(Instruction::DataDrop(1));
                self.address();
                self.push_all([Instruction::I32Const(0), Instruction::I32Const(0)]);
                self.push(Instruction::MemoryInit {
                    mem: 0,
                    data_index: 1,
                });
            }
        }
    }

    fn grow_memory(&mut self) {
        if self.rng.chance(1, 2) {
            let pages = self.rng.below(2);
            self.int(pages);
        } else {
            self.condition();
        }
        self.push(Instruction::MemoryGrow(0));
        let to = self.variable(I32);
        self.push(Instruction::LocalSet(to));
    }

    fn call(&mut self) {
        let near: Vec<_> = (self.callees.iter())
            .filter(|callee| self.affords(callee.cost + 20))
            .copied()
            .collect();
        if near.is_empty() {
            return self.assign();
        }
        let callee = *self.rng.pick(&near);
        let (params, results) = TYPES[callee.ty as usize];
        for ty in params {
            self.value(*ty, 1);
        }
        self.push(Instruction::Call(callee.index));
        self.charge(callee.cost);
        for ty in results.iter().rev() {
            let to = self.variable(*ty);
            if self.rng.chance(1, 6) {
                self.push(Instruction::Drop);
            } else {
                self.push(Instruction::LocalSet(to));
            }
        }
    }

    /// Leaves some blocks, or goes around a loop, if a condition holds.
    fn branch_out(&mut self) {
        let Some(label) = self.some_label() else {
            return self.assign();
        };
        self.condition();
        if self.rng.chance(1, 4) {
            self.nest(Instruction::If(BlockType::Empty), Label::Free, |b| {
                b.push(Instruction::Br(label + 1));
            });
        } else {
            self.push(Instruction::BrIf(label));
        }
    }

    fn choice(&mut self, depth: u32) {
        self.condition();
        self.push(Instruction::If(BlockType::Empty));
        self.labels.push(Label::Free);
        self.statements(depth + 1);
        if self.rng.chance(2, 3) {
            self.push(Instruction::Else);
            self.statements(depth + 1);
        }
        self.labels.pop();
        self.push(Instruction::End);
    }

    /// A `br_table` over blocks, one inside the other.
    fn switch(&mut self, depth: u32) {
        let arms = 1 + self.rng.below(4);
        for _ in 0..=arms {
            self.push(Instruction::Block(BlockType::Empty));
            self.labels.push(Label::Free);
        }
        self.value(I32, 1);
        if self.rng.chance(2, 3) {
            self.int(7);
            self.push(Instruction::I32And);
        }
        let mut targets = Vec::new();
        for arm in 0..arms + self.rng.below(3) {
            let other = self.some_label().unwrap_or(0);
            targets.push(if self.rng.chance(1, 5) {
                other
            } else {
                arm % (arms + 1)
            });
        }
        let default = self.rng.below(arms + 1);
        self.push(Instruction::BrTable(targets.into(), default));
        for arm in 0..arms {
            self.labels.pop();
            self.push(Instruction::End);
            self.statements(depth + 1);
            if self.rng.chance(1, 2) {
                // The outermost of the blocks that are left.
                self.push(Instruction::Br(arms - 1 - arm));
            }
        }
        self.labels.pop();
        self.push(Instruction::End);
    }

    fn counted_loop(&mut self, depth: u32) {
        if !self.affords(60) {
            return self.assign();
        }
        let counter = self.local(I32);
        let turns = self.turns();
        self.int(turns);
        self.push(Instruction::LocalSet(counter));
        if self.rng.chance(1, 2) {
            self.loop_that_asks_first(depth, counter, turns);
        } else {
            self.nest(Instruction::Loop(BlockType::Empty), Label::Closed, |b| {
                b.repeated(u64::from(turns), |b| {
                    b.statements(depth + 1);
                    b.count_down(counter);
                    b.push(Instruction::BrIf(0));
                });
            });
        }
    }

    fn count_down(&mut self, counter: u32) {
        self.push_all([
            Instruction::LocalGet(counter),
            Instruction::I32Const(1),
            Instruction::I32Sub,
            Instruction::LocalTee(counter),
        ]);
    }

    /// Counts at its head, so that what is inside may go there.
    fn loop_that_asks_first(&mut self, depth: u32, counter: u32, turns: u32) {
        self.nest(Instruction::Block(BlockType::Empty), Label::Free, |b| {
            b.nest(Instruction::Loop(BlockType::Empty), Label::Free, |b| {
                b.repeated(u64::from(turns), |b| {
                    b.push_all([
                        Instruction::LocalGet(counter),
                        Instruction::I32Eqz,
                        Instruction::BrIf(1),
                    ]);
                    b.count_down(counter);
                    b.push(Instruction::Drop);
                    b.statements(depth + 1);
                    b.push(Instruction::Br(0));
                });
            });
        });
    }

    /// A loop that hands two values from turn to turn.
    fn loop_with_operands(&mut self, depth: u32) {
        if !self.affords(80) {
            return self.assign();
        }
        let counter = self.local(I32);
        let turns = self.turns();
        let (x, y) = (self.local(I64), self.local(F64));
        self.int(turns);
        self.push(Instruction::LocalSet(counter));
        self.value(I64, 1);
        self.value(F64, 1);
        self.nest(
            Instruction::Loop(BlockType::FunctionType(2)),
            Label::Closed,
            |b| {
                b.repeated(u64::from(turns), |b| {
                    b.push_all([Instruction::LocalSet(y), Instruction::LocalSet(x)]);
                    b.statements(depth + 1);
                    b.value(I64, 1);
                    b.push_all([Instruction::LocalGet(x), Instruction::I64Xor]);
                    b.push(Instruction::LocalGet(y));
                    b.count_down(counter);
                    b.push(Instruction::BrIf(0));
                });
            },
        );
        let (x, y) = (self.variable(I64), self.variable(F64));
        self.push_all([Instruction::LocalSet(y), Instruction::LocalSet(x)]);
    }

    fn block_with_operands(&mut self, depth: u32) {
        self.value(I64, 1);
        self.value(F64, 1);
        self.nest(
            Instruction::Block(BlockType::FunctionType(2)),
            Label::Closed,
            |b| {
                b.condition();
                b.push(Instruction::BrIf(0));
                let (x, y) = (b.variable(I64), b.variable(F64));
                b.push_all([Instruction::LocalSet(y), Instruction::LocalSet(x)]);
                b.statements(depth + 1);
                b.value(I64, 1);
                b.value(F64, 1);
            },
        );
        let (x, y) = (self.variable(I64), self.variable(F64));
        self.push_all([Instruction::LocalSet(y), Instruction::LocalSet(x)]);
    }
}
