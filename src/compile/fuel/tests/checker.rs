//! Walks along a body's operators, counting for itself what they cost and what the plan charges.
//!
//! This shares nothing with the plan's own walk: control flow is read off the nesting of operators.

use super::super::FuelPlan;
use super::random::Rng;
use crate::code::CostTable;
use std::collections::BTreeSet;
use std::ops::AddAssign;
use wasmparser::{BinaryReader, FunctionBody, Operator};

/// What an operator does, as far as the count is concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Act {
    Straight,
    /// The count must be exact.
    Pinned,
    /// The count must be exact, and the walk ends.
    Final,
    Block,
    Loop,
    If,
    Else,
    End,
    Br(u32),
    BrIf(u32),
    BrTable(BTreeSet<u32>),
}

#[derive(Debug)]
struct Op {
    act: Act,
    cost: i64,
    /// The opener of the innermost block around this.
    parent: Option<usize>,
    /// Of `block`, `loop`, `if` and `else`: the `end`.
    end: usize,
    /// Of an `if`: the `else`.
    alternative: Option<usize>,
}

/// One way to go on.
#[derive(Debug)]
struct Step {
    /// Added on the way.
    charge: i64,
    /// The next operator; none behind the function's end.
    to: Option<usize>,
    /// Whether the count must be exact on arrival.
    pinned: bool,
}

/// Charges along a walk.
#[derive(Default, Debug)]
pub(super) struct Tally {
    pub(super) steps: u64,
    /// Arrivals at loop headers.
    pub(super) turns: u64,
    /// Places where the plan added something.
    pub(super) charges: u64,
    /// Places where charging at the end of each block would have added something.
    pub(super) by_block: u64,
    /// Exact counts that were seen.
    pub(super) pinned: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.steps += other.steps;
        self.turns += other.turns;
        self.charges += other.charges;
        self.by_block += other.by_block;
        self.pinned += other.pinned;
    }
}

/// A body that can be walked.
pub(super) struct Checker {
    ops: Vec<Op>,
}

impl Checker {
    pub(super) fn new(body: &[u8], costs: &CostTable) -> Checker {
        let body = FunctionBody::new(BinaryReader::new(body, 0));
        let reader = body.get_operators_reader().unwrap();
        let mut ops: Vec<Op> = Vec::new();
        let mut open = Vec::new();
        for (at, op) in reader.into_iter().enumerate() {
            let op = op.unwrap();
            let act = act(&op);
            ops.push(Op {
                cost: cost(&op, costs),
                parent: open.last().copied(),
                end: usize::MAX,
                alternative: None,
                act,
            });
            match ops[at].act {
                Act::Block | Act::Loop | Act::If => open.push(at),
                Act::Else => {
                    let opener = *open.last().unwrap();
                    assert_eq!(ops[opener].act, Act::If);
                    ops[opener].alternative = Some(at);
                }
                Act::End => {
                    if let Some(opener) = open.pop() {
                        ops[opener].end = at;
                        if let Some(alternative) = ops[opener].alternative {
                            ops[alternative].end = at;
                        }
                    }
                }
                _ => {}
            }
        }
        Checker { ops }
    }

    /// Walks at random until the function is left or `steps` operators are done. Of ten chances to leave a loop, `loyal`
    /// are passed up.
    pub(super) fn walk(
        &self,
        plan: &FuelPlan,
        rng: &mut Rng,
        steps: usize,
        loyal: usize,
    ) -> Result<Tally, String> {
        let mut tally = Tally::default();
        let (mut actual, mut charged) = (0i64, 0i64);
        // What charging by block has not added yet.
        let mut pending = 0;
        let mut at = 0;
        for _ in 0..steps {
            let op = &self.ops[at];
            let index = u32::try_from(at).unwrap();
            tally.steps += 1;
            actual += op.cost;
            pending += op.cost;
            let charge = plan.before(index);
            charged += charge;
            tally.charges += u64::from(charge != 0);
            if !matches!(op.act, Act::Straight | Act::Block) {
                tally.by_block += u64::from(pending != 0);
                pending = 0;
            }
            if plan.owed(index) != actual - charged {
                return Err(format!(
                    "{at}: {} is owed, not {}",
                    actual - charged,
                    plan.owed(index)
                ));
            }
            let last = at + 1 == self.ops.len();
            if last || matches!(op.act, Act::Pinned | Act::Final | Act::Loop) {
                tally.pinned += 1;
                if actual != charged {
                    return Err(format!("{at}: {charged} was charged for {actual}"));
                }
            }
            let mut ways = self.steps(plan, at);
            if ways.is_empty() {
                return Ok(tally);
            }
            let mut choice = rng.below(ways.len());
            while self.leaves_loop(at, &ways[choice]) && rng.below(10) < loyal {
                choice = rng.below(ways.len());
            }
            let way = ways.swap_remove(choice);
            charged += way.charge;
            tally.charges += u64::from(way.charge != 0);
            if way.pinned {
                tally.pinned += 1;
                if actual != charged {
                    return Err(format!("behind {at}: {charged} was charged for {actual}"));
                }
            }
            let Some(to) = way.to else { return Ok(tally) };
            let header = to > 0 && self.ops[to - 1].act == Act::Loop;
            tally.turns += u64::from(header);
            at = to;
        }
        Ok(tally)
    }

    /// Checks that nothing is charged or owed where no walk can come, and says how many operators that are.
    pub(super) fn check_unreachable(&self, plan: &FuelPlan) -> Result<usize, String> {
        let mut reached = vec![false; self.ops.len()];
        let mut work = vec![0];
        while let Some(at) = work.pop() {
            if !std::mem::replace(&mut reached[at], true) {
                work.extend(self.steps(plan, at).into_iter().filter_map(|step| step.to));
            }
        }
        let mut unreachable = 0;
        for (at, op) in self.ops.iter().enumerate() {
            if reached[at] {
                continue;
            }
            unreachable += 1;
            let index = u32::try_from(at).unwrap();
            let taken = match &op.act {
                Act::BrIf(depth) => plan.taken(index, *depth),
                Act::BrTable(depths) => depths.iter().map(|&d| plan.taken(index, d).abs()).sum(),
                _ => 0,
            };
            if plan.before(index) != 0 || plan.owed(index) != 0 || taken != 0 {
                return Err(format!("{at} cannot be reached but has charges"));
            }
        }
        Ok(unreachable)
    }

    /// Each kind of operator with a charge.
    fn steps(&self, plan: &FuelPlan, at: usize) -> Vec<Step> {
        let index = u32::try_from(at).unwrap();
        let op = &self.ops[at];
        let step = |charge, to| Step {
            charge,
            to: Some(to),
            pinned: false,
        };
        match &op.act {
            Act::Final => Vec::new(),
            Act::End if at + 1 == self.ops.len() => Vec::new(),
            Act::Straight | Act::Pinned | Act::Block | Act::Loop | Act::End => {
                vec![step(0, at + 1)]
            }
            Act::If => {
                let other = match op.alternative {
                    Some(alternative) => step(0, alternative + 1),
                    None => {
                        let end = u32::try_from(op.end).unwrap();
                        step(plan.alternative(end), op.end + 1)
                    }
                };
                vec![step(0, at + 1), other]
            }
            Act::Else => vec![step(0, op.end + 1)],
            Act::Br(depth) => vec![self.branch(at, *depth, 0)],
            Act::BrIf(depth) => vec![
                self.branch(at, *depth, plan.taken(index, *depth)),
                step(0, at + 1),
            ],
            Act::BrTable(depths) => depths
                .iter()
                .map(|&depth| self.branch(at, depth, plan.taken(index, depth)))
                .collect(),
        }
    }

    fn leaves_loop(&self, at: usize, step: &Step) -> bool {
        let mut around = self.ops[at].parent;
        while let Some(opener) = around {
            if self.ops[opener].act == Act::Loop {
                return step
                    .to
                    .is_none_or(|to| to >= self.ops[opener].end || to <= opener);
            }
            around = self.ops[opener].parent;
        }
        false
    }

    fn branch(&self, at: usize, depth: u32, charge: i64) -> Step {
        let mut target = self.ops[at].parent;
        for _ in 0..depth {
            target = self.ops[target.unwrap()].parent;
        }
        let (to, pinned) = match target {
            None => (None, true),
            Some(opener) if self.ops[opener].act == Act::Loop => (Some(opener + 1), true),
            Some(opener) => (Some(self.ops[opener].end + 1), false),
        };
        Step { charge, to, pinned }
    }
}

fn act(op: &Operator<'_>) -> Act {
    use Operator as O;
    match op {
        O::Block { .. } => Act::Block,
        O::Loop { .. } => Act::Loop,
        O::If { .. } => Act::If,
        O::Else => Act::Else,
        O::End => Act::End,
        O::Br { relative_depth } => Act::Br(*relative_depth),
        O::BrIf { relative_depth }
        | O::BrOnNull { relative_depth }
        | O::BrOnNonNull { relative_depth } => Act::BrIf(*relative_depth),
        O::BrTable { targets } => {
            let all = targets.targets().map(Result::unwrap);
            Act::BrTable(all.chain([targets.default()]).collect())
        }
        O::Unreachable | O::Return => Act::Final,
        O::ReturnCall { .. } | O::ReturnCallIndirect { .. } | O::ReturnCallRef { .. } => Act::Final,
        O::Call { .. } | O::CallIndirect { .. } | O::CallRef { .. } => Act::Pinned,
        O::MemoryGrow { .. } | O::TableGrow { .. } => Act::Pinned,
        O::MemoryFill { .. } | O::MemoryCopy { .. } | O::MemoryInit { .. } => Act::Pinned,
        O::TableFill { .. } | O::TableCopy { .. } | O::TableInit { .. } => Act::Pinned,
        _ => Act::Straight,
    }
}

fn cost(op: &Operator<'_>, costs: &CostTable) -> i64 {
    let structural = match act(op) {
        Act::Block | Act::Loop | Act::Else | Act::End => true,
        Act::Final => matches!(op, Operator::Unreachable | Operator::Return),
        Act::Straight => matches!(op, Operator::Nop | Operator::Drop),
        _ => false,
    };
    i64::from(if structural {
        costs.structural
    } else {
        costs.other
    })
}
