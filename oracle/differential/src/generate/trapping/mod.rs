//! Straight-line and loop code that ends in a trap, with the number of units it has used by then.
//!
//! The operator that traps does so if its *selector*, an i32, is one, and goes well if that is zero. In a loop that counts
//! from N down the selector is `counter == K`, so that the trap comes in turn N - K + 1; in a straight line it is the
//! constant one. What is executed is counted as it is made: entering a function costs one unit, and an operator is
//! charged when it starts, which includes the one that traps and all units of a bulk operation.
//!
//! ```text
//! function 0  run: () -> (), exported      table 0  [function 1, function 3, null, null]
//! function 1  () -> i32, two units         table 1  four nulls
//! function 2  (selector) -> (), may trap   memory   one page
//! function 3  of another type              segments of eight bytes and of two elements
//! ```

mod operator;

use crate::case::{Case, Expected, Kind};
use crate::rng::Rng;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements,
    ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType, Instruction,
    MemArg, MemArgTarget, MemorySection, MemoryType, Module, RefType, TableSection, TableType,
    TypeSection, ValType,
};

use Instruction as Op;
use ValType::{F32, F64, I32, I64};

const FUEL: u64 = 1_000_000;

/// The locals of functions 0 and 2; the latter's first is its parameter.
const LOCALS: [ValType; 7] = [I32, I32, I32, I64, F32, F64, I32];
/// Counters of loops.
const OUTER: u32 = 0;
const INNER: u32 = 1;
/// To work on.
const WORD: u32 = 2;
const LONG: u32 = 3;
/// Holds the selector.
const SELECTOR: u32 = 6;

/// The case of this seed. A third have a little less fuel than it takes to get to the trap, so that many of them run out
/// of it, often at a bulk operation; where there is no check before the trap they still get there.
pub(crate) fn trapping(seed: u64) -> Case {
    let mut case = case(seed, false);
    let mut rng = Rng::new(seed ^ 0xf0e1);
    if rng.chance(1, 3)
        && let Some(expected) = case.expected.take()
    {
        let missing = u64::from(rng.below(300)).min(expected.fuel - 1);
        case.fuel = expected.fuel - missing;
    }
    case
}

/// The same code, but just before the operator that would trap is an `unreachable`: the peer's fuel is exact there, so
/// that what is counted here can be checked.
#[cfg(test)]
pub(crate) fn unreachable_instead(seed: u64) -> Case {
    case(seed, true)
}

fn case(seed: u64, unreachable: bool) -> Case {
    let mut maker = Maker {
        rng: Rng::new(seed ^ 0x72a9),
        ops: Vec::new(),
        unreachable,
    };
    let (expected, run, callee) = maker.functions();
    Case {
        kind: Kind::Trapping,
        name: format!("trapping:{seed}"),
        seed,
        wasm: assemble(&run, &callee),
        fuel: FUEL,
        rounds: 1,
        fail_at: None,
        reenters: false,
        expected: Some(expected),
        files: None,
    }
}

type Ops = Vec<Op<'static>>;

/// What code uses that may trap.
struct Trap {
    name: &'static str,
    /// Up to the trap, the operator that traps included.
    until: u64,
    /// If it goes well.
    well: u64,
}

impl Trap {
    /// With code before it.
    fn after(self, units: u64) -> Trap {
        Trap {
            until: self.until + units,
            well: self.well + units,
            ..self
        }
    }
}

struct Maker {
    rng: Rng,
    ops: Ops,
    /// Whether an `unreachable` is to be put before each operator that traps.
    unreachable: bool,
}

/// Whether an operator costs nothing.
fn is_free(op: &Op<'_>) -> bool {
    matches!(
        op,
        Op::Nop | Op::Drop | Op::Block(_) | Op::Loop(_) | Op::Unreachable | Op::Else | Op::End
    )
}

fn cost(ops: &[Op<'static>]) -> u64 {
    ops.iter().filter(|op| !is_free(op)).count() as u64
}

fn access(offset: u64) -> MemArg {
    let target = MemArgTarget::Memory(0);
    MemArg {
        offset,
        align: 0,
        target,
        ordering: None,
    }
}

impl Maker {
    /// What to expect, and functions 0 and 2.
    fn functions(&mut self) -> (Expected, Ops, Ops) {
        let mut callee = vec![Op::End];
        let entry = 1;
        let trap = match self.rng.below(4) {
            0 => {
                let before = self.filler(60);
                self.ops.push(Op::I32Const(1));
                let trap = self.trap().after(entry + before + 1);
                self.filler(10);
                trap
            }
            1 => {
                let before = self.filler(20);
                self.looped(INNER, |maker, turn| maker.selected(INNER, turn))
                    .after(entry + before)
            }
            2 => {
                // The first turn of the outer loop does not get to its end.
                let before = self.filler(10);
                let turns = 1 + self.rng.below(5);
                self.start_loop(OUTER, turns);
                let head = self.filler(10);
                let trap = self.looped(INNER, |maker, turn| maker.selected(INNER, turn));
                self.end_loop(OUTER);
                trap.after(entry + before + 2 + head)
            }
            _ => {
                let before = self.filler(12);
                // The parameter is the selector.
                self.ops.push(Op::LocalGet(0));
                let trap = self.trap().after(entry + before + 1);
                let rest = self.filler(8);
                callee = self.take();
                let before = self.filler(10);
                self.looped(INNER, |maker, turn| {
                    maker.compare(INNER, turn);
                    maker.ops.push(Op::Call(2));
                    Trap {
                        well: trap.well + rest,
                        ..trap
                    }
                    .after(4)
                })
                .after(entry + before)
            }
        };
        let expected = Expected {
            trap: trap.name,
            fuel: trap.until,
        };
        (expected, self.take(), callee)
    }

    fn take(&mut self) -> Ops {
        self.ops.push(Op::End);
        std::mem::take(&mut self.ops)
    }

    /// Two units.
    fn start_loop(&mut self, counter: u32, turns: u32) {
        self.ops.extend([
            Op::I32Const(turns.cast_signed()),
            Op::LocalSet(counter),
            Op::Loop(BlockType::Empty),
        ]);
    }

    /// Five units in each turn.
    fn end_loop(&mut self, counter: u32) {
        self.ops.extend([
            Op::LocalGet(counter),
            Op::I32Const(1),
            Op::I32Sub,
            Op::LocalTee(counter),
            Op::BrIf(0),
            Op::End,
        ]);
    }

    /// A loop whose body traps when the counter is a certain number.
    fn looped(&mut self, counter: u32, body: impl FnOnce(&mut Self, u32) -> Trap) -> Trap {
        let turns = 1 + self.rng.below(40);
        let last = 1 + self.rng.below(turns);
        self.start_loop(counter, turns);
        let head = self.filler(12);
        let trap = body(self, last);
        let tail = self.filler(8);
        self.end_loop(counter);
        let turn = head + trap.well + tail + 5;
        trap.after(2 + u64::from(turns - last) * turn + head)
    }

    /// Three units.
    fn compare(&mut self, counter: u32, turn: u32) {
        self.ops.extend([
            Op::LocalGet(counter),
            Op::I32Const(turn.cast_signed()),
            Op::I32Eq,
        ]);
    }

    /// A trap in this turn: selected by an operand, or in the arm of an `if`.
    fn selected(&mut self, counter: u32, turn: u32) -> Trap {
        self.compare(counter, turn);
        if self.rng.chance(2, 3) {
            return self.trap().after(3);
        }
        self.ops.push(Op::If(BlockType::Empty));
        let before = self.filler(6);
        self.ops.push(Op::I32Const(1));
        let trap = self.trap().after(before + 1);
        self.filler(6);
        self.ops.push(Op::Else);
        let other = self.filler(10);
        self.ops.push(Op::End);
        Trap {
            well: other,
            ..trap
        }
        .after(4)
    }

    /// Up to so many statements that do not trap: what they cost.
    fn filler(&mut self, most: u32) -> u64 {
        let mark = self.ops.len();
        for _ in 0..self.rng.below(most + 1) {
            let small = Op::I32Const(self.rng.below(1 << 20).cast_signed());
            let address = Op::I32Const(self.rng.below(60_000).cast_signed());
            match self.rng.below(9) {
                0 => self
                    .ops
                    .extend([Op::LocalGet(WORD), small, Op::I32Add, Op::LocalSet(WORD)]),
                1 => {
                    let three = Op::I64Const(3);
                    self.ops
                        .extend([Op::LocalGet(LONG), three, Op::I64Mul, Op::LocalSet(LONG)]);
                }
                2 => self
                    .ops
                    .extend([address, Op::LocalGet(WORD), Op::I32Store(access(0))]),
                3 => self
                    .ops
                    .extend([address, Op::I64Load(access(8)), Op::LocalSet(LONG)]),
                4 => self
                    .ops
                    .extend([Op::GlobalGet(0), small, Op::I32Xor, Op::GlobalSet(0)]),
                5 => self.ops.extend([Op::Nop, small, Op::Drop]),
                6 => self.ops.extend([
                    Op::Block(BlockType::Empty),
                    Op::LocalGet(WORD),
                    Op::I32Const(1),
                    Op::I32ShrU,
                    Op::LocalTee(WORD),
                    Op::BrIf(0),
                    Op::End,
                ]),
                7 => self
                    .ops
                    .extend([small, Op::Call(1), Op::I32Add, Op::LocalSet(WORD)]),
                _ => self
                    .ops
                    .extend([Op::I32Const(1), Op::MemorySize(0), Op::I32DivU, Op::Drop]),
            }
        }
        let made = &self.ops[mark..];
        let calls = made.iter().filter(|op| matches!(op, Op::Call(1))).count();
        cost(made) + 2 * calls as u64
    }
}

fn assemble(run: &[Op<'static>], callee: &[Op<'static>]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([], [I32]);
    types.ty().function([I32], []);
    let mut functions = FunctionSection::new();
    for ty in [0, 1, 2, 2] {
        functions.function(ty);
    }
    let mut tables = TableSection::new();
    for _ in 0..2 {
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            minimum: 4,
            maximum: Some(4),
            table64: false,
            shared: false,
        });
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let global = GlobalType {
        val_type: I32,
        mutable: true,
        shared: false,
    };
    globals.global(global, &ConstExpr::i32_const(1));
    let mut exports = ExportSection::new();
    exports.export("run", ExportKind::Func, 0);
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("global", ExportKind::Global, 0);
    exports.export("table", ExportKind::Table, 1);
    let mut elements = ElementSection::new();
    let zero = ConstExpr::i32_const(0);
    elements.active(Some(0), &zero, Elements::Functions((&[1, 3]).into()));
    elements.passive(Elements::Functions((&[1, 3]).into()));
    let mut code = CodeSection::new();
    code.function(&function(&LOCALS, run));
    code.function(&function(&[], &[Op::I32Const(5), Op::End]));
    code.function(&function(&LOCALS[1..], callee));
    code.function(&function(&[], &[Op::End]));
    let mut data = DataSection::new();
    data.passive(*b"segment.");
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&tables)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&elements)
        .section(&DataCountSection { count: 1 })
        .section(&code)
        .section(&data);
    module.finish()
}

fn function(locals: &[ValType], ops: &[Op<'static>]) -> Function {
    let mut function = Function::new_with_locals_types(locals.iter().copied());
    for op in ops {
        function.instruction(op);
    }
    function
}
