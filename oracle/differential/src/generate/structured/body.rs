//! A function in the making: its operators, locals, labels and estimated cost.

use super::TYPES;
use crate::rng::Rng;
use wasm_encoder::{BlockType, Function, Instruction, ValType};

/// A function that may be called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Callee {
    pub(super) index: u32,
    pub(super) ty: u32,
    pub(super) cost: u64,
    /// Whether it calls nothing.
    pub(super) leaf: bool,
}

/// Where a branch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// A place without operands from where the function gets on.
    Free,
    /// A place that takes operands, or a loop that would not count.
    Closed,
}

pub(super) struct Body<'a> {
    pub(super) rng: Rng,
    pub(super) callees: &'a [Callee],
    pub(super) risky: bool,
    pub(super) labels: Vec<Label>,
    ty: u32,
    ops: Vec<Instruction<'static>>,
    params: u32,
    locals: Vec<ValType>,
    /// Locals that statements may write, parameters included.
    variables: Vec<(u32, ValType)>,
    cost: u64,
    most: u64,
    /// How often what is made now is executed.
    weight: u64,
}

impl<'a> Body<'a> {
    pub(super) fn new(rng: Rng, ty: u32, most: u64, callees: &'a [Callee], risky: bool) -> Self {
        let params = TYPES[ty as usize].0;
        let mut body = Body {
            rng,
            callees,
            risky,
            labels: Vec::new(),
            ty,
            ops: Vec::new(),
            params: u32::try_from(params.len()).unwrap_or(0),
            locals: Vec::new(),
            variables: (0..).zip(params.iter().copied()).collect(),
            cost: 1,
            most,
            weight: 1,
        };
        for ty in [
            ValType::I32,
            ValType::I32,
            ValType::I64,
            ValType::F32,
            ValType::F64,
            ValType::F64,
            ValType::EXTERNREF,
        ] {
            let local = body.local(ty);
            body.variables.push((local, ty));
        }
        body
    }

    /// Makes the whole function.
    pub(super) fn all(&mut self) {
        let mut rounds = 0;
        while self.cost < self.most && rounds < 14 {
            self.statement(0);
            rounds += 1;
        }
        for ty in TYPES[self.ty as usize].1 {
            self.value(*ty, 0);
        }
        self.push(Instruction::End);
    }

    pub(super) fn cost(&self) -> u64 {
        self.cost
    }

    pub(super) fn finish(self) -> Function {
        let mut function = Function::new_with_locals_types(self.locals);
        for op in &self.ops {
            function.instruction(op);
        }
        function
    }

    pub(super) fn push(&mut self, op: Instruction<'static>) {
        self.cost += self.weight;
        self.ops.push(op);
    }

    pub(super) fn push_all(&mut self, ops: impl IntoIterator<Item = Instruction<'static>>) {
        for op in ops {
            self.push(op);
        }
    }

    /// Accounts for work that one operator does.
    pub(super) fn charge(&mut self, units: u64) {
        self.cost += self.weight * units;
    }

    /// Whether so many units more are affordable here.
    pub(super) fn affords(&self, units: u64) -> bool {
        self.cost + self.weight * units <= self.most
    }

    /// A new local that nothing else writes.
    pub(super) fn local(&mut self, ty: ValType) -> u32 {
        self.locals.push(ty);
        self.params + u32::try_from(self.locals.len()).unwrap_or(1) - 1
    }

    /// A local of this type that statements write.
    pub(super) fn variable(&mut self, ty: ValType) -> u32 {
        let of: Vec<u32> = (self.variables.iter())
            .filter(|(_, t)| *t == ty)
            .map(|(local, _)| *local)
            .collect();
        *self.rng.pick(&of)
    }

    pub(super) fn int(&mut self, value: u32) {
        self.push(Instruction::I32Const(value.cast_signed()));
    }

    /// Opens a block; `inside` makes what is in it.
    pub(super) fn nest(
        &mut self,
        open: Instruction<'static>,
        label: Label,
        inside: impl FnOnce(&mut Self),
    ) {
        self.push(open);
        self.labels.push(label);
        inside(self);
        self.labels.pop();
        self.push(Instruction::End);
    }

    /// Everything made inside happens so many times.
    pub(super) fn repeated(&mut self, times: u64, inside: impl FnOnce(&mut Self)) {
        let before = self.weight;
        self.weight *= times;
        inside(self);
        self.weight = before;
    }

    /// How many turns a loop may have.
    pub(super) fn turns(&mut self) -> u32 {
        let most = *self.rng.pick(&[3, 8, 20, 60, 200]);
        let left = self.most.saturating_sub(self.cost) / (self.weight * 40);
        let turns = 1 + self.rng.below(most);
        turns.min(u32::try_from(left).unwrap_or(u32::MAX)).max(1)
    }

    /// The distance to some free label.
    pub(super) fn some_label(&mut self) -> Option<u32> {
        let free: Vec<u32> = (0..)
            .zip(self.labels.iter().rev())
            .filter(|(_, label)| **label == Label::Free)
            .map(|(distance, _)| distance)
            .collect();
        if free.is_empty() {
            return None;
        }
        Some(*self.rng.pick(&free))
    }
}

/// The type of a block with one result.
pub(super) fn gives(ty: ValType) -> BlockType {
    BlockType::Result(ty)
}
