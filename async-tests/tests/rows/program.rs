//! Random programs that know their own fuel: each is made as a tree, printed as a module, and run by counting operators here, by
//! the rules of the contract and with no runtime's help.
//!
//! One unit for each function entered, nothing for `nop drop block loop unreachable return else end`, one for every other
//! operator executed, and one more for each byte or element a bulk operation is asked for. Fuel is looked at when a function is
//! entered, at each turn of a loop, and after a bulk operation of more than 128 units, or of a length known only at run time, has
//! been charged: whoever has none left there, stops there.

use std::fmt::Write;

use tussah_async_tests::rng::Rng;

/// One statement; none of them leaves anything on the operand stack.
#[derive(Debug)]
enum Op {
    Nop,
    Arithmetic,
    Memory,
    Select,
    /// A host function that looks at the fuel.
    Observe,
    /// A host function that calls back into the guest.
    Reenter(usize),
    Call(usize),
    CallIndirect(usize),
    Block(Vec<Op>),
    /// Leaves the innermost block if the flag is set.
    BrIf(bool),
    If(bool, Vec<Op>, Vec<Op>),
    Loop(u32, Vec<Op>),
    Switch(usize, Vec<Vec<Op>>),
    /// Bytes, and whether the length is a constant of the program.
    Fill(u32, bool),
    Copy(u32, bool),
    Init(u32, bool),
    TableFill(u32, bool),
    Grow(bool),
    Return,
}

/// A module made at random, whose functions only call those before them.
#[derive(Debug)]
pub(crate) struct Program {
    functions: Vec<Vec<Op>>,
}

/// Why a statement list ended early.
enum Exit {
    Block,
    Function,
    OutOfFuel,
}

/// What a run should look like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Units used at each look of the host.
    pub(crate) observed: Vec<u64>,
    /// Units used in the end, or in the moment the fuel ran out.
    pub(crate) used: u64,
    pub(crate) out_of_fuel: bool,
}

impl Program {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        let count = usize::try_from(rng.below(4)).unwrap() + 2;
        let mut functions = Vec::new();
        for index in 0..count {
            functions.push(list(rng, index, 3, 6));
        }
        // At least a thousand units: the last function, which is the one called, turns a loop often enough.
        let tail = list(rng, count - 1, 2, 4);
        functions
            .last_mut()
            .unwrap()
            .insert(0, Op::Loop(150, vec![Op::Arithmetic, Op::Block(tail)]));
        Self { functions }
    }

    /// The functions' names are their numbers; the last is the one to call.
    pub(crate) fn entry(&self) -> String {
        format!("f{}", self.functions.len() - 1)
    }

    pub(crate) fn wat(&self) -> String {
        let mut text = String::from(
            r#"(module
  (import "h" "observe" (func $observe))
  (import "h" "reenter" (func $reenter (param i32)))
  (memory 2) (table $t 64 funcref) (data $d "0123456789abcdef0123456789abcdef")
"#,
        );
        let names: Vec<_> = (0..self.functions.len())
            .map(|i| format!("$f{i}"))
            .collect();
        writeln!(text, "  (table $calls funcref (elem {}))", names.join(" ")).unwrap();
        for (i, body) in self.functions.iter().enumerate() {
            let mut loops = 0;
            let mut code = String::new();
            print(body, &mut code, &mut loops, 2);
            let locals = " i32".repeat(loops + 1);
            writeln!(
                text,
                "  (func $f{i} (export \"f{i}\") (param $zero i32) (local{locals})\n{code}  )"
            )
            .unwrap();
        }
        text.push(')');
        text
    }

    /// Counts what the entry function uses, given so much fuel.
    pub(crate) fn run(&self, fuel: u64) -> Expected {
        let mut meter = Meter {
            program: self,
            fuel,
            expected: Expected::default(),
        };
        meter.expected.out_of_fuel = meter.call(self.functions.len() - 1).is_err();
        meter.expected
    }
}

fn list(rng: &mut Rng, callable: usize, depth: u32, most: u64) -> Vec<Op> {
    (0..=rng.below(most))
        .map(|_| op(rng, callable, depth))
        .collect()
}

fn op(rng: &mut Rng, callable: usize, depth: u32) -> Op {
    let flag = rng.below(2) == 0;
    let small = u32::try_from(rng.below(32)).unwrap();
    // Around the border at which a constant length is looked at, and far above it.
    let length = [0, 1, 127, 128, 129, 1000][usize::try_from(rng.below(6)).unwrap()];
    let callee = |rng: &mut Rng| usize::try_from(rng.below(callable as u64)).unwrap();
    let kind = rng.below(if depth == 0 { 13 } else { 20 });
    match kind {
        0 => Op::Nop,
        1 => Op::Memory,
        2 => Op::Select,
        3 | 4 => Op::Observe,
        5 => Op::Fill(length, flag),
        6 => Op::Copy(length, flag),
        7 => Op::Init(small, flag),
        8 => Op::TableFill(small, flag),
        9 => Op::Grow(flag),
        10 => Op::BrIf(rng.below(4) == 0),
        11 if rng.below(8) == 0 => Op::Return,
        // Deep trees call less, or the cost would grow without bound.
        13 if callable > 0 => Op::Call(callee(rng)),
        14 if callable > 0 => Op::CallIndirect(callee(rng)),
        15 if callable > 0 => Op::Reenter(callee(rng)),
        16 => Op::Block(list(rng, callable, depth - 1, 5)),
        17 => Op::If(
            flag,
            list(rng, callable, depth - 1, 3),
            list(rng, callable, depth - 1, 3),
        ),
        18 => Op::Loop(
            u32::try_from(rng.below(5)).unwrap() + 1,
            list(rng, 0, depth - 1, 4),
        ),
        19 => {
            let arms = usize::try_from(rng.below(3)).unwrap() + 1;
            let taken = usize::try_from(rng.below(arms as u64)).unwrap();
            Op::Switch(
                taken,
                (0..arms)
                    .map(|_| list(rng, callable, depth - 1, 3))
                    .collect(),
            )
        }
        _ => Op::Arithmetic,
    }
}

/// Which operand: a constant of the program, or the same value made from a parameter that is zero.
fn value(n: u32, constant: bool) -> String {
    if constant {
        format!("(i32.const {n})")
    } else {
        format!("(i32.add (local.get $zero) (i32.const {n}))")
    }
}

fn print(ops: &[Op], text: &mut String, loops: &mut usize, indent: usize) {
    for op in ops {
        let line = match op {
            Op::Nop => "nop".into(),
            Op::Arithmetic => "(drop (i32.mul (i32.const 3) (local.get $zero)))".into(),
            Op::Memory => "(i32.store (i32.const 8) (i32.load (i32.const 4)))".into(),
            Op::Select => "(drop (select (i32.const 1) (i32.const 2) (local.get $zero)))".into(),
            Op::Observe => "(call $observe)".into(),
            Op::Reenter(f) => format!("(call $reenter (i32.const {f}))"),
            Op::Call(f) => format!("(call $f{f} (local.get $zero))"),
            Op::CallIndirect(f) => {
                format!("(call_indirect $calls (param i32) (local.get $zero) (i32.const {f}))")
            }
            Op::BrIf(taken) => format!("(br_if 0 {})", value(u32::from(*taken), false)),
            Op::Fill(n, constant) => {
                format!(
                    "(memory.fill (i32.const 99) (i32.const 7) {})",
                    value(*n, *constant)
                )
            }
            Op::Copy(n, constant) => {
                format!(
                    "(memory.copy (i32.const 99) (i32.const 2000) {})",
                    value(*n, *constant)
                )
            }
            Op::Init(n, constant) => {
                format!(
                    "(memory.init $d (i32.const 99) (i32.const 0) {})",
                    value(*n, *constant)
                )
            }
            Op::TableFill(n, constant) => {
                format!(
                    "(table.fill $t (i32.const 1) (ref.null func) {})",
                    value(*n, *constant)
                )
            }
            Op::Grow(constant) => format!("(drop (memory.grow {}))", value(0, *constant)),
            Op::Return => "return".into(),
            Op::Block(body) => nest("(block", body, text, loops, indent),
            Op::If(flag, then, other) => {
                let pad = " ".repeat(indent);
                writeln!(text, "{pad}(if {}", value(u32::from(*flag), false)).unwrap();
                let then = nest("(then", then, text, loops, indent + 1);
                writeln!(text, "{pad} {then}").unwrap();
                let other = nest("(else", other, text, loops, indent + 1);
                writeln!(text, "{pad} {other}").unwrap();
                ")".into()
            }
            Op::Loop(n, body) => {
                *loops += 1;
                let (local, pad) = (*loops + 1, " ".repeat(indent));
                writeln!(text, "{pad}(local.set {local} (i32.const {n}))\n{pad}(loop").unwrap();
                // A block of its own, so that leaving the body goes on with the next turn.
                let body = nest("(block", body, text, loops, indent + 1);
                writeln!(text, "{pad} {body}").unwrap();
                format!(
                    " (br_if 0 (local.tee {local} (i32.sub (local.get {local}) (i32.const 1)))))"
                )
            }
            Op::Switch(taken, arms) => {
                let pad = " ".repeat(indent);
                writeln!(text, "{pad}(block {}", "(block ".repeat(arms.len())).unwrap();
                let targets: Vec<_> = (0..arms.len()).map(|i| i.to_string()).collect();
                let selector = value(u32::try_from(*taken).unwrap(), false);
                writeln!(text, "{pad} (br_table {} {selector})", targets.join(" ")).unwrap();
                for (i, arm) in arms.iter().enumerate() {
                    writeln!(text, "{pad})").unwrap();
                    let arm = nest("(block", arm, text, loops, indent + 1);
                    writeln!(text, "{pad} {arm}\n{pad} (br {})", arms.len() - 1 - i).unwrap();
                }
                ")".into()
            }
        };
        writeln!(text, "{}{line}", " ".repeat(indent)).unwrap();
    }
}

fn nest(open: &str, body: &[Op], text: &mut String, loops: &mut usize, indent: usize) -> String {
    writeln!(text, "{}{open}", " ".repeat(indent)).unwrap();
    print(body, text, loops, indent + 1);
    ")".into()
}

struct Meter<'a> {
    program: &'a Program,
    fuel: u64,
    expected: Expected,
}

impl Meter<'_> {
    fn charge(&mut self, units: u64) {
        self.expected.used += units;
    }

    fn check(&self) -> Result<(), Exit> {
        if self.expected.used >= self.fuel {
            Err(Exit::OutOfFuel)
        } else {
            Ok(())
        }
    }

    fn call(&mut self, function: usize) -> Result<(), Exit> {
        self.charge(1);
        self.check()?;
        let program = self.program;
        match self.list(&program.functions[function]) {
            Err(Exit::OutOfFuel) => Err(Exit::OutOfFuel),
            _ => Ok(()),
        }
    }

    /// A list in a block of its own: leaving the block is not leaving more.
    fn block(&mut self, ops: &[Op]) -> Result<(), Exit> {
        match self.list(ops) {
            Err(Exit::Block) => Ok(()),
            other => other,
        }
    }

    fn list(&mut self, ops: &[Op]) -> Result<(), Exit> {
        ops.iter().try_for_each(|op| self.op(op))
    }

    fn op(&mut self, op: &Op) -> Result<(), Exit> {
        match op {
            Op::Nop => {}
            Op::Arithmetic => self.charge(3),
            Op::Memory | Op::Select => self.charge(4),
            Op::Observe => {
                self.charge(1);
                self.expected.observed.push(self.expected.used);
            }
            Op::Reenter(f) => {
                self.charge(2);
                self.call(*f)?;
            }
            Op::Call(f) => {
                self.charge(2);
                self.call(*f)?;
            }
            Op::CallIndirect(f) => {
                self.charge(3);
                self.call(*f)?;
            }
            Op::Block(body) => self.block(body)?,
            Op::BrIf(taken) => {
                self.charge(4);
                if *taken {
                    return Err(Exit::Block);
                }
            }
            Op::If(flag, then, other) => {
                self.charge(4);
                self.block(if *flag { then } else { other })?;
            }
            Op::Loop(n, body) => {
                self.charge(2);
                for _ in 0..*n {
                    self.check()?;
                    self.block(body)?;
                    self.charge(5);
                }
            }
            Op::Switch(taken, arms) => {
                self.charge(4);
                self.block(&arms[*taken])?;
                self.charge(1);
            }
            Op::Fill(n, constant)
            | Op::Copy(n, constant)
            | Op::Init(n, constant)
            | Op::TableFill(n, constant) => {
                self.charge(if *constant { 4 } else { 6 } + u64::from(*n));
                if !*constant || *n > 128 {
                    self.check()?;
                }
            }
            Op::Grow(constant) => {
                self.charge(if *constant { 2 } else { 4 });
                if !*constant {
                    self.check()?;
                }
            }
            Op::Return => return Err(Exit::Function),
        }
        Ok(())
    }
}
