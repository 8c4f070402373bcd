//! Open blocks, and guesses of how often they run.
//!
//! A loop turns ten times; a branch that stays in its loop, or begins another turn of it, is likely; any other condition
//! is even. No block is left more often than it is entered.

use super::graph::Node;

const TURNS: f32 = 10.0;
/// Loops deeper than this are not thought to run more often.
const MAX_DEPTH: u32 = 6;
const LIKELY: f32 = 0.9;
pub(super) const EVEN: f32 = 0.5;

/// An open block.
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// Loops around the inside.
    pub(super) loops: u32,
    /// How often it is entered from above.
    pub(super) entered: f32,
    /// Where its `end` leads to, once a path other than the fall through `end` leads there, too.
    pub(super) exit: Option<Node>,
    /// The frequencies of all those paths.
    pub(super) left: f32,
}

#[derive(Copy, Clone)]
pub(super) enum Kind {
    Block,
    Loop,
    /// The consequent of an `if`; `branch` is missing if that cannot be reached.
    If {
        branch: Option<Node>,
    },
    Else,
}

impl Frame {
    /// `outer` counts the loops around the block.
    pub(super) fn new(kind: Kind, outer: u32, entered: f32) -> Frame {
        Frame {
            kind,
            loops: outer + u32::from(matches!(kind, Kind::Loop)),
            entered,
            exit: None,
            left: 0.0,
        }
    }

    /// How often the block's first operator runs when the block is entered once.
    pub(super) fn share(&self) -> f32 {
        match self.kind {
            Kind::Loop if self.loops <= MAX_DEPTH => TURNS,
            Kind::If { .. } => EVEN,
            Kind::Loop | Kind::Block | Kind::Else => 1.0,
        }
    }

    /// How likely a condition branches to this frame's label from directly inside the `innermost` one.
    pub(super) fn probability(&self, innermost: &Frame) -> f32 {
        if self.loops < innermost.loops {
            1.0 - LIKELY
        } else if matches!(self.kind, Kind::Loop) {
            LIKELY
        } else {
            EVEN
        }
    }
}
