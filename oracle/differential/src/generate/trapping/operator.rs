//! Operators that trap when they are selected to.

use super::{Maker, Op, SELECTOR, Trap, access, cost, is_free};
use wasm_encoder::{BlockType, HeapType, MemArg};

const UNREACHABLE: &str = "UnreachableCodeReached";
/// Sixty-four KiB: the first address behind the memory.
const PAGE: i32 = 0x1_0000;

impl Maker {
    /// Takes a selector from the stack; what is made leaves nothing there.
    pub(super) fn trap(&mut self) -> Trap {
        self.ops.push(Op::LocalSet(SELECTOR));
        let trap = match self.rng.below(10) {
            0 => self.divide_by_zero(),
            1 => self.divide_and_overflow(),
            2 | 3 => self.access_memory(),
            4 => self.convert(),
            5 => self.call_indirect(),
            6 => self.access_table(),
            7 | 8 => self.bulk(),
            _ => {
                let arm = Op::If(BlockType::Empty);
                self.made(
                    UNREACHABLE,
                    [Op::LocalGet(SELECTOR), arm, Op::Unreachable, Op::End],
                )
            }
        };
        trap.after(1)
    }

    /// Adds code that costs the same either way: the operator that traps is the last that costs anything.
    fn made(&mut self, name: &'static str, ops: impl IntoIterator<Item = Op<'static>>) -> Trap {
        let mark = self.ops.len();
        self.ops.extend(ops);
        if self.unreachable && name != UNREACHABLE {
            let last = self.ops.iter().rposition(|op| !is_free(op));
            let last = last.expect("an operator that traps");
            let arm = Op::If(BlockType::Empty);
            let early = [Op::LocalGet(SELECTOR), arm, Op::Unreachable, Op::End];
            self.ops.splice(last..last, early);
            let well = cost(&self.ops[mark..]);
            return Trap {
                name: UNREACHABLE,
                until: well - 1,
                well,
            };
        }
        let units = cost(&self.ops[mark..]);
        Trap {
            name,
            until: units,
            well: units,
        }
    }

    /// Three units more: leaves `bad` if selected, otherwise `good`.
    fn either(bad: i32, good: i32) -> [Op<'static>; 4] {
        [
            Op::I32Const(bad),
            Op::I32Const(good),
            Op::LocalGet(SELECTOR),
            Op::Select,
        ]
    }

    fn divide_by_zero(&mut self) -> Trap {
        let name = "IntegerDivisionByZero";
        if self.rng.chance(1, 2) {
            let ops = [Op::I32DivS, Op::I32DivU, Op::I32RemS, Op::I32RemU];
            let op = self.rng.pick(&ops).clone();
            let one = Op::I32Const(1);
            self.made(
                name,
                [
                    Op::I32Const(7),
                    Op::LocalGet(SELECTOR),
                    one,
                    Op::I32Xor,
                    op,
                    Op::Drop,
                ],
            )
        } else {
            let ops = [Op::I64DivS, Op::I64DivU, Op::I64RemS, Op::I64RemU];
            let op = self.rng.pick(&ops).clone();
            let select = [
                Op::LocalGet(SELECTOR),
                Op::I64ExtendI32U,
                Op::I64Const(1),
                Op::I64Xor,
            ];
            let mut all = vec![Op::I64Const(7)];
            all.extend(select);
            all.extend([op, Op::Drop]);
            self.made(name, all)
        }
    }

    /// The smallest number by one or, if selected, by minus one.
    fn divide_and_overflow(&mut self) -> Trap {
        let divisor = Self::either(-1, 1);
        let mut all = Vec::new();
        if self.rng.chance(1, 2) {
            all.push(Op::I32Const(i32::MIN));
            all.extend(divisor);
            all.extend([Op::I32DivS, Op::Drop]);
        } else {
            all.push(Op::I64Const(i64::MIN));
            all.extend(divisor);
            all.extend([Op::I64ExtendI32S, Op::I64DivS, Op::Drop]);
        }
        self.made("IntegerOverflow", all)
    }

    fn access_memory(&mut self) -> Trap {
        // The last is inside, but the value that is stored there is not.
        let far = *self.rng.pick(&[PAGE, i32::MAX, -1, PAGE - 1]);
        let offset = *self.rng.pick(&[0, 0, 1, 100, 0xff00]);
        let mut all = Vec::from(Self::either(far, 0));
        let at: MemArg = access(offset);
        match self.rng.below(14) {
            0 => all.extend([Op::I32Load(at), Op::Drop]),
            1 => all.extend([Op::I64Load(at), Op::Drop]),
            2 => all.extend([Op::F64Load(at), Op::Drop]),
            3 => all.extend([Op::I64Load32U(at), Op::Drop]),
            4 => all.extend([Op::I32Load16S(at), Op::Drop]),
            5 => all.extend([Op::I32Const(-1), Op::I32Store(at)]),
            6 => all.extend([Op::I64Const(-1), Op::I64Store(at)]),
            7 => all.extend([Op::F32Const(1.0.into()), Op::F32Store(at)]),
            8 => all.extend([Op::V128Load(at), Op::Drop]),
            9 => all.extend([Op::V128Load16x4S(at), Op::Drop]),
            10 => {
                all.insert(0, Op::V128Const(1));
                all.push(Op::V128Load(at));
                let mut trap = self.made("MemoryOutOfBounds", all);
                // Of these the load becomes a part.
                let user = [Op::I64x2Add, Op::I8x16Bitmask, Op::Drop];
                trap.well += cost(&user);
                self.ops.extend(user);
                return trap;
            }
            11 => all.extend([Op::V128Const(-1), Op::V128Store(at)]),
            12 => {
                let memarg = at;
                all.extend([
                    Op::V128Const(7),
                    Op::V128Load32Lane { memarg, lane: 2 },
                    Op::Drop,
                ]);
            }
            _ => all.extend([Op::I64Const(-1), Op::I64Store16(at)]),
        }
        self.made("MemoryOutOfBounds", all)
    }

    fn convert(&mut self) -> Trap {
        let (bad, name) = if self.rng.chance(1, 3) {
            (f64::NAN, "BadConversionToInteger")
        } else {
            (
                *self.rng.pick(&[1e30, -1e30, f64::INFINITY]),
                "IntegerOverflow",
            )
        };
        let double = [
            Op::F64Const(bad.into()),
            Op::F64Const(1.0.into()),
            Op::LocalGet(SELECTOR),
            Op::Select,
        ];
        let ops = [
            Op::I32TruncF64S,
            Op::I32TruncF64U,
            Op::I64TruncF64S,
            Op::I64TruncF64U,
        ];
        let singles = [
            Op::I32TruncF32S,
            Op::I32TruncF32U,
            Op::I64TruncF32S,
            Op::I64TruncF32U,
        ];
        let mut all = Vec::from(double);
        if self.rng.chance(1, 2) {
            all.push(self.rng.pick(&ops).clone());
        } else {
            all.push(Op::F32DemoteF64);
            all.push(self.rng.pick(&singles).clone());
        }
        all.push(Op::Drop);
        self.made(name, all)
    }

    fn call_indirect(&mut self) -> Trap {
        let (bad, name) = *self.rng.pick(&[
            (1, "BadSignature"),
            (2, "IndirectCallToNull"),
            (4, "TableOutOfBounds"),
            (-1, "TableOutOfBounds"),
        ]);
        let mut all = Vec::from(Self::either(bad, 0));
        all.push(Op::CallIndirect {
            type_index: 1,
            table_index: 0,
        });
        all.push(Op::Drop);
        let trap = self.made(name, all);
        // Function 1 costs two units.
        Trap {
            well: trap.well + 2,
            ..trap
        }
    }

    fn access_table(&mut self) -> Trap {
        let far = *self.rng.pick(&[4, 100, -1]);
        let mut all = Vec::from(Self::either(far, 0));
        if self.rng.chance(1, 2) {
            all.extend([Op::TableGet(0), Op::Drop]);
        } else {
            all.extend([Op::RefNull(HeapType::FUNC), Op::TableSet(1)]);
        }
        self.made("TableOutOfBounds", all)
    }

    /// A bulk operation that has too far to go, or is too long, if selected.
    fn bulk(&mut self) -> Trap {
        let of_memory = self.rng.chance(1, 2);
        // The compiler knows some of the lengths, and they are the same if it goes well.
        let constant = self.rng.chance(1, 2);
        // Segments and tables are small, and a constant length has to fit.
        let which = self.rng.below(3);
        let most = match (of_memory, which) {
            (true, 2) => 8,
            (true, _) => 300,
            (false, 2) => 2,
            (false, _) => 4,
        };
        let len = 2 + self.rng.below(most - 1);
        let far = if of_memory { PAGE - 1 } else { 3 };
        let mut all = Vec::from(Self::either(far, 0));
        all.push(match (of_memory, which) {
            (false, 0) => Op::RefNull(HeapType::FUNC),
            _ => Op::I32Const(0),
        });
        if constant {
            all.push(Op::I32Const(len.cast_signed()));
        } else {
            all.extend(Self::either(len.cast_signed(), 0));
        }
        all.push(match (of_memory, which) {
            (true, 0) => Op::MemoryFill(0),
            (true, 1) => Op::MemoryCopy {
                src_mem: 0,
                dst_mem: 0,
            },
            (true, _) => Op::MemoryInit {
                mem: 0,
                data_index: 0,
            },
            (false, 0) => Op::TableFill(1),
            (false, 1) => Op::TableCopy {
                src_table: 0,
                dst_table: 1,
            },
            (false, _) => Op::TableInit {
                elem_index: 1,
                table: 1,
            },
        });
        let name = if of_memory {
            "MemoryOutOfBounds"
        } else {
            "TableOutOfBounds"
        };
        let trap = self.made(name, all);
        Trap {
            until: trap.until + if self.unreachable { 0 } else { u64::from(len) },
            well: trap.well + if constant { u64::from(len) } else { 0 },
            ..trap
        }
    }
}
