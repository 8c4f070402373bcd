//! Compile bombs: small functions on which the code generator takes minutes and gigabytes.
//!
//! After translation a function is weighed in about linear time. The weight decides whether it is compiled well, compiled
//! by cheaper algorithms, or refused. Must not know how functions are translated.

use crate::error::{Result, ensure};
use cranelift_codegen::ir::{Block, Function, ValueDef};
use cranelift_entity::SecondaryMap;

/// Which code generator a function gets.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Effort {
    /// The configured one.
    Full,
    /// One whose passes are about linear.
    Linear,
}

/// What makes a function expensive to compile.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
struct Weight {
    /// Basic blocks; deep nesting makes passes over the dominator tree quadratic.
    blocks: usize,
    instructions: usize,
    /// Values that branches pass on, and the parameters that take them.
    edge_values: usize,
}

/// The most that is compiled with full effort. Such a function takes a few seconds where it is at its worst.
const FULL: Weight = Weight {
    blocks: 20_000,
    instructions: 500_000,
    edge_values: 100_000,
};

/// The most that is compiled at all.
const MAX: Weight = Weight {
    blocks: 3_000_000,
    instructions: 12_000_000,
    edge_values: 4_000_000,
};

/// The most values that may live across blocks, each counted for each block it lives through. The register allocator
/// that otherwise is linear visits all of them; the other one keeps them in bit sets and does not mind.
const MAX_LIVE_VALUES: u64 = 200_000_000;

/// Decides what a translated function gets. `single_pass` tells that even full effort allocates registers in one pass.
///
/// # Errors
///
/// If it passes a limit; the message names it.
pub(crate) fn effort(func: &Function, single_pass: bool) -> Result<Effort> {
    let weight = weigh(func);
    let mut cheap = true;
    for (what, is, full, max) in [
        ("basic blocks", weight.blocks, FULL.blocks, MAX.blocks),
        (
            "instructions",
            weight.instructions,
            FULL.instructions,
            MAX.instructions,
        ),
        (
            "values passed by branches",
            weight.edge_values,
            FULL.edge_values,
            MAX.edge_values,
        ),
    ] {
        ensure!(
            is <= max,
            "it has {is} {what}, which exceeds the limit of {max}"
        );
        cheap &= is <= full;
    }
    let effort = if cheap { Effort::Full } else { Effort::Linear };
    // The product bounds the sum; for almost all functions it says enough.
    let bound = func.dfg.num_blocks() as u64 * func.dfg.num_values() as u64;
    if bound > MAX_LIVE_VALUES && (single_pass || effort == Effort::Linear) {
        let live = live_values(func);
        ensure!(
            live <= MAX_LIVE_VALUES,
            "its blocks have {live} live values between them, which exceeds the limit of {MAX_LIVE_VALUES}"
        );
    }
    Ok(effort)
}

fn weigh(func: &Function) -> Weight {
    let dfg = &func.dfg;
    let mut edge_values = 0;
    for block in func.layout.blocks() {
        edge_values += dfg.num_block_params(block);
        edge_values += branches(func, block)
            .map(|(_, passed)| passed)
            .sum::<usize>();
    }
    Weight {
        blocks: dfg.num_blocks(),
        instructions: dfg.num_insts(),
        edge_values,
    }
}

/// The targets of a block's branches, and how many values each is passed.
fn branches(func: &Function, block: Block) -> impl Iterator<Item = (Block, usize)> {
    let dfg = &func.dfg;
    let targets = match func.layout.last_inst(block) {
        Some(last) => dfg.insts[last].branch_destination(&dfg.jump_tables, &dfg.exception_tables),
        None => &[],
    };
    let lists = &dfg.value_lists;
    targets
        .iter()
        .map(|target| (target.block(lists), target.len(lists)))
}

/// Estimates for each value through how many blocks it lives: from its definition to its last use in the order of the
/// layout, and through the whole of a loop that uses but does not define it. Loops nest in the layout as they do in
/// wasm.
fn live_values(func: &Function) -> u64 {
    let dfg = &func.dfg;
    let mut position = SecondaryMap::with_default(0_u32);
    for (block, at) in func.layout.blocks().zip(0..) {
        position[block] = at;
    }
    // By header: where the last branch back to it stands.
    let mut loop_end = SecondaryMap::with_default(None);
    for (block, at) in func.layout.blocks().zip(0..) {
        for (target, _) in branches(func, block) {
            if position[target] <= at {
                loop_end[target] = Some(at);
            }
        }
    }
    // Through how many blocks each value has been found to live.
    let mut spans = SecondaryMap::with_default(0_u32);
    // The open loops, as `(header, end)`, outermost first.
    let mut loops: Vec<(u32, u32)> = Vec::new();
    for (block, at) in func.layout.blocks().zip(0..) {
        while loops.last().is_some_and(|&(_, end)| end < at) {
            loops.pop();
        }
        if let Some(end) = loop_end[block] {
            loops.push((at, end));
        }
        for inst in func.layout.block_insts(block) {
            for value in dfg.inst_values(inst) {
                let value = dfg.resolve_aliases(value);
                let defined_in = match dfg.value_def(value) {
                    ValueDef::Result(inst, _) => func.layout.inst_block(inst),
                    ValueDef::Param(block, _) => Some(block),
                    ValueDef::Union(..) => None,
                };
                let from = defined_in.map_or(0, |block| position[block]);
                let outermost = loops.partition_point(|&(header, _)| header <= from);
                let to = loops.get(outermost).map_or(at, |&(_, end)| end.max(at));
                spans[value] = spans[value].max(to.saturating_sub(from));
            }
        }
    }
    spans.values().map(|&span| u64::from(span)).sum()
}
