//! Blocks, branches and returns.
//!
//! A label's values travel in variables: a branch defines them, the block behind the label reads them, and SSA
//! construction makes block parameters only where definitions really meet. The alternative of an `if` always gets a block,
//! even if it turns out to be empty; the one jump in it disappears in code generation.

use super::limit::{self, MAX_BR_TABLE_TARGETS};
use super::stack::{Frame, Kind};
use super::{Body, clif_type, index_of, value_type};
use crate::wasm::WasmVal;
use cranelift_codegen::ir::{Block, InstBuilder, JumpTableData, Type, Value};
use cranelift_entity::packed_option::ReservedValue;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::ops::Range;
use wasmparser::{BlockType, BrTable, Operator};

type Types = SmallVec<[Type; 4]>;

impl Body<'_, '_> {
    /// Translates a reachable operator of control; false if it is none.
    pub(super) fn control_operator(&mut self, op: &Operator<'_>) -> crate::Result<bool> {
        match op {
            Operator::Block { blockty } => {
                let (params, results) = self.block_types(*blockty)?;
                self.open(Kind::Block, params.len(), results);
            }
            Operator::Loop { blockty } => {
                let (params, results) = self.block_types(*blockty)?;
                self.open_loop(params, results);
            }
            Operator::If { blockty } => {
                let (params, results) = self.block_types(*blockty)?;
                self.open_if(&params, results);
            }
            Operator::Else => self.reachable_else(),
            Operator::End => self.reachable_end(),
            Operator::Br { relative_depth } => {
                let target = self.branch_to(*relative_depth)?;
                self.builder.ins().jump(target, &[]);
                self.stacks.reachable = false;
            }
            Operator::BrIf { relative_depth } => {
                let condition = self.pop();
                let target = self.branch_to(*relative_depth)?;
                let next = self.builder.create_block();
                let charge = self.fuel_taken(*relative_depth);
                let hint = self.branch_hint();
                let edge = match (charge, hint) {
                    (0, None | Some(true)) => target,
                    _ => self.builder.create_block(),
                };
                match hint {
                    Some(true) => self.builder.set_cold_block(next),
                    Some(false) => self.builder.set_cold_block(edge),
                    None => {}
                }
                self.builder.ins().brif(condition, edge, &[], next, &[]);
                if edge != target {
                    self.builder.seal_block(edge);
                    self.builder.switch_to_block(edge);
                    self.add_fuel(charge);
                    self.builder.ins().jump(target, &[]);
                }
                self.builder.seal_block(next);
                self.builder.switch_to_block(next);
            }
            Operator::BrTable { targets } => self.br_table(targets)?,
            Operator::Return => {
                self.return_top(self.stacks.frames[0].results.len());
                self.stacks.reachable = false;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Keeps the control stack where nothing is reachable.
    pub(super) fn skip_operator(&mut self, op: &Operator<'_>) -> crate::Result<()> {
        match op {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                let height = self.stacks.values.len();
                self.stacks.frames.push(Frame {
                    kind: Kind::Dead,
                    exit: Block::reserved_value(),
                    height,
                    params: 0,
                    results: 0..0,
                    branched: false,
                });
            }
            Operator::Else => self.unreachable_else(),
            Operator::End => self.unreachable_end(),
            Operator::BrTable { targets } => check_br_table(targets)?,
            _ => {}
        }
        Ok(())
    }

    /// The types of a block's parameters and results.
    fn block_types(&mut self, ty: BlockType) -> crate::Result<(Types, Types)> {
        let types = match ty {
            BlockType::Empty => (Types::new(), Types::new()),
            BlockType::Type(ty) => (Types::new(), [clif_type(ty)?].into_iter().collect()),
            BlockType::FuncType(index) => {
                let ty = &self.env.module.types[index_of(index)];
                let convert = |tys: &[WasmVal]| tys.iter().map(|&ty| value_type(ty)).collect();
                (convert(&ty.params), convert(&ty.results))
            }
        };
        self.budget.spend(types.0.len() + types.1.len())?;
        Ok(types)
    }

    /// Opens the block that is the function itself.
    pub(super) fn begin_function(&mut self, results: &[WasmVal]) {
        let results = results.iter().map(|&ty| value_type(ty)).collect();
        self.open(Kind::Block, 0, results);
    }

    /// Returns from where the function's last `end` leads to.
    pub(super) fn finish_function(&mut self) {
        if self.stacks.reachable {
            self.return_top(self.stacks.values.len());
        }
    }

    /// Returns the values on top of the stack, with the count of fuel before them.
    fn return_top(&mut self, count: usize) {
        let mut values: SmallVec<[Value; 8]> = SmallVec::new();
        values.extend(self.fuel_count());
        let first = self.stacks.values.len() - count;
        values.extend_from_slice(&self.stacks.values[first..]);
        self.builder.ins().return_(&values);
    }

    fn open(&mut self, kind: Kind, params: usize, results: Types) {
        let results = self.take_labels(results.into_iter());
        let exit = self.builder.create_block();
        self.stacks.frames.push(Frame {
            kind,
            exit,
            height: self.stacks.values.len() - params,
            params,
            results,
            branched: false,
        });
    }

    fn open_loop(&mut self, params: Types, results: Types) {
        let count = params.len();
        let params = self.take_labels(params.into_iter());
        self.set_labels(params.clone());
        let header = self.builder.create_block();
        self.builder.ins().jump(header, &[]);
        let kind = Kind::Loop {
            header,
            params: params.clone(),
        };
        self.open(kind, count, results);
        self.stacks
            .values
            .truncate(self.stacks.values.len() - count);
        self.builder.switch_to_block(header);
        self.push_labels(params);
        self.check_interrupts();
    }

    fn open_if(&mut self, params: &Types, results: Types) {
        let condition = self.pop();
        let then = self.builder.create_block();
        let otherwise = self.builder.create_block();
        match self.branch_hint() {
            Some(true) => self.builder.set_cold_block(otherwise),
            Some(false) => self.builder.set_cold_block(then),
            None => {}
        }
        self.builder
            .ins()
            .brif(condition, then, &[], otherwise, &[]);
        self.builder.seal_block(then);
        self.builder.seal_block(otherwise);
        self.builder.switch_to_block(then);
        let kind = Kind::If {
            otherwise,
            then_falls: None,
        };
        self.open(kind, params.len(), results);
        let start = self.stacks.values.len() - params.len();
        self.stacks.values.extend_from_within(start..);
    }

    /// Whether the branch that is translated is likely to be taken, if the module says so.
    fn branch_hint(&self) -> Option<bool> {
        let offset = u64::from(self.position).checked_sub(self.hinted.start)?;
        self.hinted.hints.at(u32::try_from(offset).ok()?)
    }

    /// Jumps to the exit of the innermost frame with its results.
    fn fall_to_exit(&mut self) {
        let frame = self.stacks.frames.last().expect("validated");
        let (exit, results) = (frame.exit, frame.results.clone());
        self.set_labels(results);
        self.builder.ins().jump(exit, &[]);
    }

    fn reachable_else(&mut self) {
        self.fall_to_exit();
        self.begin_alternative(true);
    }

    fn unreachable_else(&mut self) {
        self.begin_alternative(false);
    }

    /// Continues in the alternative of the innermost `if`, if that was reachable.
    fn begin_alternative(&mut self, falls: bool) {
        let frame = self.stacks.frames.last_mut().expect("validated");
        if let Kind::If {
            otherwise,
            then_falls,
        } = &mut frame.kind
        {
            *then_falls = Some(falls);
            self.stacks.values.truncate(frame.height + frame.params);
            self.stacks.reachable = true;
            self.builder.switch_to_block(*otherwise);
        }
    }

    /// Fills the alternative of an `if` without `else`, whose results are its parameters.
    fn fill_alternative(&mut self) {
        let frame = self.stacks.frames.last().expect("validated");
        if let Kind::If {
            otherwise,
            then_falls: None,
        } = frame.kind
        {
            self.stacks.values.truncate(frame.height + frame.params);
            self.builder.switch_to_block(otherwise);
            self.add_fuel(self.fuel_alternative());
            self.fall_to_exit();
        }
    }

    fn reachable_end(&mut self) {
        self.fall_to_exit();
        self.fill_alternative();
        self.close(true);
    }

    fn unreachable_end(&mut self) {
        let frame = self.stacks.frames.last().expect("validated");
        let falls = match frame.kind {
            Kind::If { then_falls, .. } => then_falls.unwrap_or(true),
            Kind::Block | Kind::Loop { .. } | Kind::Dead => false,
        };
        let reached = falls || frame.branched;
        self.fill_alternative();
        self.close(reached);
    }

    /// Closes the innermost frame and, if anything leads there, continues behind it.
    fn close(&mut self, reached: bool) {
        let frame = self.stacks.frames.pop().expect("validated");
        self.stacks.values.truncate(frame.height);
        let mut labels = frame.results.start;
        if let Kind::Loop { header, params } = &frame.kind {
            self.builder.seal_block(*header);
            labels = params.start;
        }
        if reached {
            self.builder.switch_to_block(frame.exit);
            self.builder.seal_block(frame.exit);
            self.push_labels(frame.results);
            self.stacks.reachable = true;
        }
        if !matches!(frame.kind, Kind::Dead) {
            self.release_labels(labels);
        }
    }

    /// The block and the variables of a label.
    fn label_of(&mut self, depth: u32) -> (Block, Range<usize>) {
        let frame = self.stacks.frame_at(depth);
        match &frame.kind {
            Kind::Loop { header, params } => (*header, params.clone()),
            _ => {
                frame.branched = true;
                (frame.exit, frame.results.clone())
            }
        }
    }

    /// Sets a label's variables to the values on top of the stack, for a branch to it.
    fn branch_to(&mut self, depth: u32) -> crate::Result<Block> {
        let (target, labels) = self.label_of(depth);
        self.budget.spend(labels.len())?;
        self.set_labels(labels);
        Ok(target)
    }

    /// One block per distinct target sets its label's variables. Thus an entry of the table costs nothing but itself, even
    /// where SSA construction adds parameters to the target.
    fn br_table(&mut self, table: &BrTable<'_>) -> crate::Result<()> {
        check_br_table(table)?;
        let index = self.pop();
        let mut edges: HashMap<u32, Block> = HashMap::new();
        let mut order = Vec::new();
        let mut calls = Vec::with_capacity(table.len() as usize + 1);
        for depth in table.targets().chain([Ok(table.default())]) {
            let depth = depth?;
            let edge = *edges.entry(depth).or_insert_with(|| {
                let edge = self.builder.create_block();
                order.push((depth, edge));
                edge
            });
            calls.push(self.builder.func.dfg.block_call(edge, &[]));
        }
        self.budget.spend(calls.len())?;
        let default = calls.pop().expect("the default is always there");
        let table = JumpTableData::new(default, &calls);
        let table = self.builder.create_jump_table(table);
        self.builder.ins().br_table(index, table);
        for (depth, edge) in order {
            self.builder.seal_block(edge);
            self.builder.switch_to_block(edge);
            self.add_fuel(self.fuel_taken(depth));
            let target = self.branch_to(depth)?;
            self.builder.ins().jump(target, &[]);
        }
        self.stacks.reachable = false;
        Ok(())
    }
}

/// Bounds the table, reachable or not.
fn check_br_table(table: &BrTable<'_>) -> crate::Result<()> {
    if table.len() > MAX_BR_TABLE_TARGETS {
        return Err(limit::too_large("targets of a br_table"));
    }
    Ok(())
}
