//! From operators to points and paths.
//!
//! Straight code is a *run*: it starts at a point and ends at the next. What cannot be reached is skipped by the same
//! rules as in translation, and makes no points. Nothing here recurses, and memory is linear in the body.
//!
//! How often runs are executed is a guess, made in `frame`.

use super::frame::{EVEN, Frame, Kind};
use super::graph::{Edge, Graph, Node};
use super::{Place, Side};
use crate::code::CostTable;
use wasmparser::{FunctionBody, Operator};

/// A charge between a branch and a join needs a block of its own.
const CRITICAL: f32 = 1.6;

/// What the choice of charges is made from.
pub(super) struct Walked {
    pub(super) graph: Graph,
    /// For each operator, what its run has cost up to and including it.
    pub(super) owed: Vec<i32>,
    /// By start.
    pub(super) runs: Vec<RunStart>,
}

/// The operators from `start` up to the next such entry follow the point `from`.
#[derive(Copy, Clone, Debug)]
pub(super) struct RunStart {
    pub(super) start: usize,
    pub(super) from: Node,
}

/// Walks a body. `None` if its structure is broken.
pub(super) fn walk(body: &FunctionBody<'_>, costs: &CostTable) -> Option<Walked> {
    let mut reader = body.get_operators_reader().ok()?;
    let mut walk = Walk::new(costs);
    while !reader.eof() {
        walk.operator(&reader.read().ok()?)?;
        walk.index += 1;
    }
    walk.frames.is_empty().then_some(walk.out)
}

struct Walk<'a> {
    costs: &'a CostTable,
    out: Walked,
    frames: Vec<Frame>,
    index: u32,
    /// The run so far; nothing where code cannot be reached.
    run: Option<Run>,
    /// Of the `br_table` at hand.
    depths: Vec<u32>,
}

#[derive(Copy, Clone)]
struct Run {
    from: Node,
    cost: u32,
    frequency: f32,
}

impl<'a> Walk<'a> {
    fn new(costs: &'a CostTable) -> Self {
        let from = Node::PINNED;
        let mut function = Frame::new(Kind::Block, 0, 1.0);
        function.exit = Some(Node::PINNED);
        Walk {
            costs,
            out: Walked {
                graph: Graph::new(),
                owed: Vec::new(),
                runs: vec![RunStart { start: 0, from }],
            },
            frames: vec![function],
            index: 0,
            run: Some(Run {
                from,
                cost: 0,
                frequency: 1.0,
            }),
            depths: Vec::new(),
        }
    }

    fn operator(&mut self, op: &Operator<'_>) -> Option<()> {
        if self.frames.is_empty() {
            return None;
        }
        let mut owed = 0;
        if let Some(run) = &mut self.run {
            run.cost += cost(self.costs, op);
            owed = run.cost.cast_signed();
        }
        self.out.owed.push(owed);
        match op {
            Operator::Block { .. } => self.open(Kind::Block),
            Operator::Loop { .. } => {
                self.arrive(Node::PINNED);
                self.open(Kind::Loop);
            }
            Operator::If { .. } => {
                let branch = self.branch_point();
                self.open(Kind::If { branch });
            }
            Operator::Else => self.begin_alternative()?,
            Operator::End => self.end(),
            Operator::Br { relative_depth } => {
                let label = self.label(*relative_depth, self.frequency())?;
                self.arrive(label);
                self.stop();
            }
            Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth } => self.br_if(*relative_depth)?,
            Operator::BrTable { targets } => self.br_table(targets)?,
            Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::MemoryGrow { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. } => self.arrive(Node::PINNED),
            Operator::Return
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::Unreachable => {
                self.arrive(Node::PINNED);
                self.stop();
            }
            // Casts, exceptions and stack switching transfer control in ways that are not planned for.
            Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. }
            | Operator::BrOnCastDescEq { .. }
            | Operator::BrOnCastDescEqFail { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. }
            | Operator::Catch { .. }
            | Operator::CatchAll
            | Operator::Delegate { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::Rethrow { .. }
            | Operator::Suspend { .. }
            | Operator::Resume { .. }
            | Operator::ResumeThrow { .. }
            | Operator::ResumeThrowRef { .. }
            | Operator::Switch { .. } => return None,
            _ => {}
        }
        Some(())
    }

    fn frequency(&self) -> f32 {
        self.run.map_or(0.0, |run| run.frequency)
    }

    /// Ends the run at a point, before the current operator acts, and begins another there.
    fn arrive(&mut self, to: Node) {
        let Some(run) = self.run else { return };
        self.out.graph.edge(Edge {
            from: run.from,
            to,
            cost: run.cost,
            weight: run.frequency,
            place: self.place(Side::Before),
        });
        self.run = Some(Run {
            from: to,
            cost: 0,
            ..run
        });
        if let Some(owed) = self.out.owed.last_mut() {
            *owed = 0;
        }
        self.out.runs.push(RunStart {
            start: self.index as usize,
            from: to,
        });
    }

    /// What follows cannot be reached.
    fn stop(&mut self) {
        if self.run.take().is_some() {
            self.start_behind(Node::PINNED);
        }
    }

    /// What follows the current operator is reached from a point.
    fn resume(&mut self, from: Node, frequency: f32) {
        self.run = Some(Run {
            from,
            cost: 0,
            frequency,
        });
        self.start_behind(from);
    }

    fn start_behind(&mut self, from: Node) {
        self.out.runs.push(RunStart {
            start: self.index as usize + 1,
            from,
        });
    }

    /// Ends the run at a point of its own; nothing if that cannot be reached.
    fn branch_point(&mut self) -> Option<Node> {
        self.run?;
        let node = self.out.graph.node();
        self.arrive(node);
        Some(node)
    }

    /// An empty path from a branch to a join.
    fn critical_edge(&mut self, from: Node, to: Node, frequency: f32, side: Side) {
        self.out.graph.edge(Edge {
            from,
            to,
            cost: 0,
            weight: frequency * CRITICAL,
            place: self.place(side),
        });
    }

    fn place(&self, side: Side) -> Place {
        Place {
            operator: self.index,
            side,
        }
    }

    fn open(&mut self, kind: Kind) {
        let outer = self.frames.last().map_or(0, |frame| frame.loops);
        let frame = Frame::new(kind, outer, self.frequency());
        self.scale(frame.share());
        self.frames.push(frame);
    }

    fn scale(&mut self, share: f32) {
        if let Some(run) = &mut self.run {
            // Frequencies that vanish could not be told apart any more.
            run.frequency = (run.frequency * share).max(f32::MIN_POSITIVE);
        }
    }

    fn begin_alternative(&mut self) -> Option<()> {
        let frequency = self.frequency();
        let frame = self.frames.last_mut()?;
        let Kind::If { branch } = frame.kind else {
            return None;
        };
        frame.kind = Kind::Else;
        let entered = frame.entered;
        if self.run.is_some() {
            let exit = self.exit_of(self.frames.len() - 1, frequency);
            self.arrive(exit);
            self.run = None;
        }
        if let Some(branch) = branch {
            self.resume(branch, entered * EVEN);
        }
        Some(())
    }

    fn end(&mut self) {
        let innermost = self.frames.len() - 1;
        let frame = &self.frames[innermost];
        let entered = frame.entered;
        let alternative = match frame.kind {
            Kind::If { branch } => branch,
            Kind::Block | Kind::Loop | Kind::Else => None,
        };
        if frame.exit.is_some() || alternative.is_some() {
            if self.run.is_some() {
                let exit = self.exit_of(innermost, self.frequency());
                self.arrive(exit);
            }
            if let Some(branch) = alternative {
                let frequency = entered * EVEN;
                let exit = self.exit_of(innermost, frequency);
                self.critical_edge(branch, exit, frequency, Side::Alternative);
            }
            let frame = &self.frames[innermost];
            if let Some(exit) = frame.exit
                && innermost > 0
            {
                self.resume(exit, frame.left.min(entered));
            }
        } else if let Some(run) = &mut self.run {
            // Nothing but the fall leads here: the run goes on.
            run.frequency = run.frequency.min(entered);
        }
        self.frames.pop();
    }

    /// The join behind a frame, for one more path that leads there.
    fn exit_of(&mut self, frame: usize, frequency: f32) -> Node {
        let frame = &mut self.frames[frame];
        frame.left += frequency;
        *frame.exit.get_or_insert_with(|| self.out.graph.node())
    }

    /// The frame that a branch of this depth leaves or repeats.
    fn target(&self, depth: u32) -> Option<usize> {
        (self.frames.len() - 1).checked_sub(depth as usize)
    }

    /// The point that a branch leads to.
    fn label(&mut self, depth: u32, frequency: f32) -> Option<Node> {
        let target = self.target(depth)?;
        Some(match self.frames[target].kind {
            // The header looks at the count.
            Kind::Loop => Node::PINNED,
            // A branch that cannot be reached does not make its target reachable.
            _ if self.run.is_none() => Node::PINNED,
            _ => self.exit_of(target, frequency),
        })
    }

    /// How likely a conditional branch is taken.
    fn probability(&self, depth: u32) -> Option<f32> {
        let target = &self.frames[self.target(depth)?];
        Some(target.probability(self.frames.last()?))
    }

    fn br_if(&mut self, depth: u32) -> Option<()> {
        let probability = self.probability(depth)?;
        let frequency = self.frequency() * probability;
        if let Some(branch) = self.branch_point() {
            let label = self.label(depth, frequency)?;
            self.critical_edge(branch, label, frequency, Side::Taken(depth));
            self.scale(1.0 - probability);
        }
        Some(())
    }

    /// One edge for each distinct target.
    fn br_table(&mut self, table: &wasmparser::BrTable<'_>) -> Option<()> {
        let mut depths = std::mem::take(&mut self.depths);
        depths.clear();
        for depth in table.targets() {
            depths.push(depth.ok()?);
        }
        depths.push(table.default());
        depths.sort_unstable();
        self.target(*depths.last()?)?;
        let frequency = self.frequency();
        let total = depths.len() as f32;
        if let Some(branch) = self.branch_point() {
            for same in depths.chunk_by(|a, b| a == b) {
                let frequency = frequency * same.len() as f32 / total;
                let label = self.label(same[0], frequency)?;
                self.critical_edge(branch, label, frequency, Side::Taken(same[0]));
            }
            self.stop();
        }
        self.depths = depths;
        Some(())
    }
}

/// What an operator costs by itself.
fn cost(costs: &CostTable, op: &Operator<'_>) -> u32 {
    u32::from(match op {
        Operator::Nop
        | Operator::Drop
        | Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::Unreachable
        | Operator::Return
        | Operator::Else
        | Operator::End => costs.structural,
        _ => costs.other,
    })
}
