//! The operand stack, the control stack, and the variables that carry values along branches.

use super::Body;
use cranelift_codegen::ir::{Block, Type, Value, types};
use cranelift_frontend::Variable;
use std::ops::Range;

/// Both stacks, and whether the current position can be reached.
#[derive(Default)]
pub(super) struct Stacks {
    pub(super) values: Vec<Value>,
    pub(super) frames: Vec<Frame>,
    /// The label variables of all open frames, innermost last.
    labels: Vec<(Variable, Type)>,
    /// Label variables of closed frames, to be used again. The tables in which Cranelift tracks a variable grow with the
    /// number of blocks, so that a fresh variable for each block would cost quadratic memory.
    free: [Vec<Variable>; CLASSES],
    pub(super) reachable: bool,
}

/// An open block.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// What follows the frame's `end`.
    pub(super) exit: Block,
    /// Height of the operand stack below the parameters.
    pub(super) height: usize,
    pub(super) params: usize,
    /// Variables that carry the results to `exit`.
    pub(super) results: Range<usize>,
    /// Whether a branch leads to `exit`.
    pub(super) branched: bool,
}

/// What kind of block a frame is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Block,
    /// Variables that carry the parameters to the header.
    Loop {
        header: Block,
        params: Range<usize>,
    },
    /// The parameters lie on the operand stack twice until the alternative has taken the lower copy.
    If {
        otherwise: Block,
        /// Set at `else`: whether the consequent falls through to `exit`.
        then_falls: Option<bool>,
    },
    /// Opened where nothing is reachable: nothing of it is translated.
    Dead,
}

impl Stacks {
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.frames.clear();
        self.labels.clear();
        self.free.iter_mut().for_each(Vec::clear);
        self.reachable = true;
    }

    /// The frame that a branch of this depth leaves or repeats.
    pub(super) fn frame_at(&mut self, depth: u32) -> &mut Frame {
        let index = self.frames.len() - 1 - depth as usize;
        &mut self.frames[index]
    }

    /// Label variables of a range.
    pub(super) fn label(&self, index: usize) -> Variable {
        self.labels[index].0
    }
}

/// Types of variables.
const CLASSES: usize = 5;

fn class(ty: Type) -> usize {
    match ty {
        types::I32 => 0,
        types::I64 => 1,
        types::F32 => 2,
        types::F64 => 3,
        _ => 4,
    }
}

impl Body<'_, '_> {
    pub(super) fn push(&mut self, value: Value) {
        self.stacks.values.push(value);
    }

    pub(super) fn pop(&mut self) -> Value {
        self.stacks.values.pop().expect("validated")
    }

    /// The two uppermost values, the lower one first.
    pub(super) fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        (self.pop(), second)
    }

    /// The three uppermost values, the lowest first.
    pub(super) fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    pub(super) fn peek(&self) -> Value {
        *self.stacks.values.last().expect("validated")
    }

    /// Takes a label variable for each type.
    pub(super) fn take_labels(&mut self, tys: impl Iterator<Item = Type>) -> Range<usize> {
        let start = self.stacks.labels.len();
        for ty in tys {
            let var = self.stacks.free[class(ty)].pop();
            let var = var.unwrap_or_else(|| {
                self.budget.declare();
                self.builder.declare_var(ty)
            });
            self.stacks.labels.push((var, ty));
        }
        start..self.stacks.labels.len()
    }

    /// Gives back the label variables from `start` on.
    pub(super) fn release_labels(&mut self, start: usize) {
        let Stacks { labels, free, .. } = &mut *self.stacks;
        for (var, ty) in labels.drain(start..) {
            free[class(ty)].push(var);
        }
    }

    /// Sets label variables to the values on top of the stack, which stay there.
    pub(super) fn set_labels(&mut self, labels: Range<usize>) {
        let first = self.stacks.values.len() - labels.len();
        for (i, label) in labels.enumerate() {
            let value = self.stacks.values[first + i];
            self.builder.def_var(self.stacks.label(label), value);
        }
    }

    /// Pushes what label variables hold.
    pub(super) fn push_labels(&mut self, labels: Range<usize>) {
        for label in labels {
            let value = self.builder.use_var(self.stacks.label(label));
            self.stacks.values.push(value);
        }
    }
}
