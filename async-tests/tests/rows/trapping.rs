//! Programs that trap and know what they have used until then: each is written operator by operator, and every operator is counted
//! here while it is walked, with no runtime's help.
//!
//! One unit for each function entered and each operator, that which traps included; `nop drop block loop unreachable return else
//! end` are free; a bulk operation costs one more for each byte or element, as soon as it starts.

use std::fmt::Write;
use std::ops::ControlFlow;

use tussah::Trap;

/// Turns of those programs that are loops.
pub(crate) const TURNS: u32 = 5;

const FREE: [&str; 8] = [
    "nop",
    "drop",
    "block",
    "loop",
    "unreachable",
    "return",
    "else",
    "end",
];

/// A way to trap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) trap: Trap,
    /// A constant with which `code` traps.
    pub(crate) bad: &'static str,
    /// One with which it does not; none if it always does.
    pub(crate) good: Option<&'static str>,
    /// Operators, with `X` where that constant is needed. The one that traps has a `!` behind it, and then what it costs beyond
    /// itself when it traps and when it does not: `!8/8`.
    pub(crate) code: &'static str,
}

/// What is around the operator that traps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    Nothing,
    /// More live values than there are registers.
    Pressure,
    /// More results than are returned in registers.
    Results,
    /// A block that ends in `unreachable`.
    Cold,
    /// The same, with an operand that is known when compiling.
    ColdConstant,
    /// Both.
    ColdPressure,
}

pub(crate) const AROUND: [Around; 6] = [
    Around::Nothing,
    Around::Pressure,
    Around::Results,
    Around::Cold,
    Around::ColdConstant,
    Around::ColdPressure,
];

impl Around {
    pub(crate) fn cold(self) -> bool {
        matches!(
            self,
            Around::Cold | Around::ColdConstant | Around::ColdPressure
        )
    }

    fn pressure(self) -> bool {
        matches!(self, Around::Pressure | Around::ColdPressure)
    }
}

enum Item {
    Text(String),
    /// The operator that traps in the last turn, and its extra costs.
    Trap(String, u64, u64),
    /// One of two, by the lowest bit of how many turns are left.
    Parity(Vec<Item>, Vec<Item>),
    /// In the last turn only; it does not get to the end.
    Last(Vec<Item>),
}

/// A function `(param $n i32)` that traps when so many turns are over.
pub(crate) struct Function {
    around: Around,
    before: Vec<Item>,
    body: Vec<Item>,
    looped: bool,
}

/// Live values under pressure.
const LIVE: usize = 24;

impl Function {
    pub(crate) fn new(kind: &Kind, around: Around, looped: bool) -> Self {
        let mut before = Vec::new();
        let mut body = Vec::new();
        text(
            &mut before,
            "i32.const 11; local.set $a; f64.const 2; local.set $x",
        );
        if around.pressure() {
            for i in 0..LIVE {
                let place = 8 * i;
                text(
                    &mut before,
                    &format!("i32.const {place}; i64.load; local.set $l{i}"),
                );
                let next = (i + 1) % LIVE;
                text(
                    &mut body,
                    &format!("local.get $l{i}; local.get $l{next}; i64.add; local.set $l{i}"),
                );
            }
        }
        text(
            &mut body,
            "local.get $a; i32.const 3; i32.mul; local.set $a; nop",
        );
        body.push(parity(
            "local.get $a; local.get $n; i32.add; local.set $a",
            "nop; local.get $x; f64.sqrt; local.set $x; local.get $a; drop",
        ));
        let constant = around == Around::ColdConstant || kind.good.is_none();
        let site = site(kind, constant);
        if around.cold() {
            body.push(Item::Last(site));
        } else {
            body.extend(site);
        }
        body.push(parity(
            "local.get $x; f64.abs; local.set $x",
            "i32.const 1; drop",
        ));
        text(
            &mut body,
            "local.get $a; i32.const 5; i32.xor; local.set $a",
        );
        if around.pressure() {
            for i in 0..LIVE {
                text(
                    &mut body,
                    &format!("local.get $w; local.get $l{i}; i64.xor; local.set $w"),
                );
            }
        }
        if looped {
            text(
                &mut body,
                "local.get $n; i32.const 1; i32.sub; local.set $n; br $again",
            );
        }
        Self {
            around,
            before,
            body,
            looped,
        }
    }

    /// Units used when it traps, its entry included.
    pub(crate) fn used(&self) -> u64 {
        let mut units = 1;
        let start = if self.looped { TURNS } else { 0 };
        assert!(walk(&self.before, start, &mut units).is_continue());
        for left in (0..=start).rev() {
            if walk(&self.body, left, &mut units).is_break() {
                assert_eq!(left, 0, "it trapped too early");
                return units;
            }
        }
        panic!("it did not trap")
    }

    pub(crate) fn turns(&self) -> u32 {
        if self.looped { TURNS } else { 0 }
    }

    /// The function, and one that calls it, which uses three units more.
    pub(crate) fn wat(&self, name: &str) -> String {
        let results = match self.around {
            Around::Results => "(result i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 f32 f64)",
            _ => "",
        };
        let mut code = String::new();
        print(&self.before, &mut code);
        if self.looped {
            code.push_str("loop $again\n");
        }
        print(&self.body, &mut code);
        if self.looped {
            code.push_str("end unreachable\n");
        } else if self.around == Around::Results {
            for i in 0..5 {
                write!(code, "local.get $a i64.const {i} ").unwrap();
            }
            code.push_str("f32.const 1 local.get $x\n");
        }
        let live: String = (0..LIVE).map(|i| format!(" (local $l{i} i64)")).collect();
        let drops = if self.around == Around::Results {
            "drop ".repeat(12)
        } else {
            String::new()
        };
        format!(
            "(func ${name} (param $n i32) {results}\n(local $a i32) (local $w i64) (local $x f64){live}\n{code})\n\
             (func (export \"{name}\") (param i32) local.get 0 call ${name} {drops})\n"
        )
    }
}

/// What the caller in [`Function::wat`] uses.
pub(crate) const CALLER: u64 = 3;

/// What all functions need around them.
pub(crate) fn module(functions: &str) -> String {
    format!(
        r#"(module
(type $void (func)) (type $other (func (param i64) (result i64)))
(memory 1) (data (i32.const 64) "\f8\ff\ff\ff") (data $d "0123456789abcdef")
(table $t 8 funcref) (table $grows 8 20 funcref)
(elem (table $t) (i32.const 0) func $good $wrong) (elem $e func $good $wrong $good $wrong)
(func $good) (func $wrong (type $other) local.get 0)
{functions})"#
    )
}

fn text(items: &mut Vec<Item>, code: &str) {
    items.extend(code.split(';').map(|op| Item::Text(op.trim().into())));
}

fn parity(odd: &str, even: &str) -> Item {
    let [mut a, mut b] = [Vec::new(), Vec::new()];
    text(&mut a, odd);
    text(&mut b, even);
    Item::Parity(a, b)
}

fn site(kind: &Kind, constant: bool) -> Vec<Item> {
    let mut items = Vec::new();
    for op in kind.code.split(';').map(str::trim) {
        if op == "X" {
            text(&mut items, kind.bad);
            if let (false, Some(good)) = (constant, kind.good) {
                text(&mut items, good);
                text(&mut items, "local.get $n; i32.eqz; select");
            }
        } else if let Some((op, costs)) = op.split_once('!') {
            let (bad, good) = costs.split_once('/').unwrap_or(("0", "0"));
            let [bad, good] = [bad, good].map(|units| units.parse().unwrap());
            items.push(Item::Trap(op.trim().into(), bad, good));
        } else {
            items.push(Item::Text(op.into()));
        }
    }
    items
}

fn cost(op: &str) -> u64 {
    let word = op.split_whitespace().next().unwrap();
    u64::from(!FREE.contains(&word))
}

fn walk(items: &[Item], left: u32, units: &mut u64) -> ControlFlow<()> {
    for item in items {
        match item {
            Item::Text(op) => *units += cost(op),
            Item::Trap(op, bad, good) => {
                *units += cost(op);
                if left == 0 {
                    *units += bad;
                    return ControlFlow::Break(());
                }
                *units += good;
            }
            // local.get, i32.const, i32.and, if
            Item::Parity(odd, even) => {
                *units += 4;
                walk(if left % 2 == 1 { odd } else { even }, left, units)?;
            }
            // local.get, i32.eqz, if
            Item::Last(items) => {
                *units += 3;
                if left == 0 {
                    walk(items, left, units)?;
                }
            }
        }
    }
    ControlFlow::Continue(())
}

fn print(items: &[Item], out: &mut String) {
    for item in items {
        match item {
            Item::Text(op) | Item::Trap(op, ..) => {
                out.push_str(op);
                out.push('\n');
            }
            Item::Parity(odd, even) => {
                out.push_str("local.get $n i32.const 1 i32.and if\n");
                print(odd, out);
                out.push_str("else\n");
                print(even, out);
                out.push_str("end\n");
            }
            Item::Last(items) => {
                out.push_str("local.get $n i32.eqz if\n");
                print(items, out);
                out.push_str("unreachable end\n");
            }
        }
    }
}
