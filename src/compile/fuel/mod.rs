//! Where a function adds to the fuel count, and how much: a plan made before translation.
//!
//! Let *actual* be what the operators executed so far cost, and *charged* what has been added to the count. A plan keeps
//! `charged - actual` a constant `d` at each point of the control flow, so that a path of cost `c` from `u` to `v` has to
//! add `c + d(v) - d(u)`. Where others see the count, `d` is 0: such points are *pinned*. Elsewhere `d` is chosen so
//! that most paths, and above all the frequent ones, add nothing.
//!
//! | file | what it does |
//! |---|---|
//! | `walk` | reads the operators once: points, paths between them, costs |
//! | `frame` | guesses how often the paths are taken |
//! | `graph` | chooses `d` by a maximum spanning tree |
//!
//! ```text
//! function entry               d = 0
//!   loop                       d = 0     the header looks at the count
//!     .. 2 ..
//!     if                       d = -2    owed
//!       .. 4 ..
//!     else          add 11     d = 5     4 + 2 that are owed, and 5 ahead
//!       .. 2 ..
//!     end           add 9      d = 5
//!     .. 5 ..
//!     br_if 0                  d = 0     nothing to add, taken or not
//!   end
//! ```
//!
//! Each turn of that loop adds once, not three times.
//!
//! A plan must not know how the count is kept nor how charges become machine code. It trusts nothing: bodies need not
//! be valid.

mod frame;
mod graph;
#[cfg(test)]
mod tests;
mod walk;

use crate::code::CostTable;
use std::fmt;
use wasmparser::FunctionBody;

/// Validation refuses larger bodies, which keeps all sums of costs within 31 bits.
const MAX_BODY: usize = 7_654_321;
const _: () = assert!(MAX_BODY * (u8::MAX as usize) <= i32::MAX as usize);

/// All charges of one function behind its entry check, which itself is not part of the plan.
///
/// The costs of bulk operations per unit are not part of it either: who charges them does so at the operator, where `d`
/// is 0. Operators that cannot be reached have no charges and owe nothing.
#[derive(Clone, Debug)]
pub(crate) struct FuelPlan {
    /// Those that are not 0, by place.
    charges: Vec<Charge>,
    /// For each operator of the body, reachable or not.
    owed: Vec<i32>,
}

#[derive(Copy, Clone, Debug)]
struct Charge {
    place: Place,
    amount: i64,
}

/// Where a path ends, and with it the place of its charge.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    operator: u32,
    side: Side,
}

#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Side {
    /// Just before the operator acts.
    Before,
    /// On the edge to the label of this depth.
    Taken(u32),
    /// In the alternative of an `if` that has none; the operator is its `end`.
    Alternative,
}

impl FuelPlan {
    /// Walks the operators once.
    ///
    /// `None` if the body is malformed or uses control operators that are not supported: validation then has a message.
    pub(crate) fn new(body: &FunctionBody<'_>, costs: &CostTable) -> Option<FuelPlan> {
        if body.as_bytes().len() > MAX_BODY {
            return None;
        }
        let walk::Walked {
            graph,
            mut owed,
            runs,
        } = walk::walk(body, costs)?;
        let ahead = graph.solve();

        let mut charges = Vec::new();
        for edge in graph.edges() {
            let amount = i64::from(edge.cost) + ahead[edge.to] - ahead[edge.from];
            if amount != 0 {
                charges.push(Charge {
                    place: edge.place,
                    amount,
                });
            }
        }
        debug_assert!(charges.is_sorted_by(|a, b| a.place < b.place));

        // So far `owed` has the cost since the start of the run that the operator belongs to.
        for (i, run) in runs.iter().enumerate() {
            let end = runs.get(i + 1).map_or(owed.len(), |next| next.start);
            for owed in &mut owed[run.start..end] {
                let exact = i64::from(*owed) - ahead[run.from];
                *owed = i32::try_from(exact).expect("a part of the body's total cost");
            }
        }
        Some(FuelPlan { charges, owed })
    }

    /// What to add to the count immediately before an operator transfers control or reaches a pinned point: after its
    /// operands, with its own cost.
    pub(crate) fn before(&self, index: u32) -> i64 {
        self.charge(index, Side::Before)
    }

    /// What to add on the taken edge of a `br_if` or `br_table` that leads to the label of this depth.
    pub(crate) fn taken(&self, index: u32, depth: u32) -> i64 {
        self.charge(index, Side::Taken(depth))
    }

    /// What to add in the empty alternative of an `if` without `else`, whose `end` this is.
    pub(crate) fn alternative(&self, index: u32) -> i64 {
        self.charge(index, Side::Alternative)
    }

    /// What a trap of this operator must add to the count to make it exact, the operator's own cost included. Where
    /// `before` charges for the operator, that has been done.
    pub(crate) fn owed(&self, index: u32) -> i64 {
        self.owed.get(index as usize).copied().unwrap_or(0).into()
    }

    fn charge(&self, operator: u32, side: Side) -> i64 {
        let place = Place { operator, side };
        self.charges
            .binary_search_by_key(&place, |charge| charge.place)
            .map_or(0, |found| self.charges[found].amount)
    }
}

/// A line for each charge, then what is owed at all operators in order.
impl fmt::Display for FuelPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Charge { place, amount } in &self.charges {
            let operator = place.operator;
            match place.side {
                Side::Before => writeln!(f, "{operator} before: {amount:+}")?,
                Side::Taken(depth) => writeln!(f, "{operator} taken to {depth}: {amount:+}")?,
                Side::Alternative => writeln!(f, "{operator} alternative: {amount:+}")?,
            }
        }
        write!(f, "owed:")?;
        for owed in &self.owed {
            write!(f, " {owed}")?;
        }
        writeln!(f)
    }
}
