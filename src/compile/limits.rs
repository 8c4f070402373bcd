//! Compile bombs: small functions on which the code generator takes minutes and gigabytes.
//!
//! After translation a function is weighed in about linear time. The weight decides whether it is compiled well, compiled
//! by cheaper algorithms, or refused. Must not know how functions are translated.

use crate::error::{Result, ensure};
use cranelift_codegen::ir::{Block, Function, Inst};
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

/// The largest frame, in bytes, of a function that checks the stack in its body and not in its prologue: the frame exists
/// before the check, so it must fit, with room for raising the trap, into what lies beyond the guest's share of a stack.
const MAX_UNCHECKED_FRAME: u32 = 16 << 10;

/// Bounds the frame of a function compiled without signals.
///
/// # Errors
///
/// If it passes the limit; the message names it.
pub(crate) fn check_frame(frame: u32) -> Result<()> {
    ensure!(
        frame <= MAX_UNCHECKED_FRAME,
        "its stack frame of {frame} bytes exceeds the limit of {MAX_UNCHECKED_FRAME} bytes for code without \
         signals-based traps"
    );
    Ok(())
}

/// The most values that may live across calls, each counted for each call it lives across, in a function that is compiled
/// with full effort: the allocator which looks for the best place of a value considers each call in its way.
const FULL_LIVE_CALLS: u64 = 20_000_000;

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
    // Products bound the sums below; for almost all functions they say enough.
    let values = func.dfg.num_values() as u64;
    let calls = calls(func);
    cheap &=
        calls * values <= FULL_LIVE_CALLS || live_values(func, Passed::Calls) <= FULL_LIVE_CALLS;
    let effort = if cheap { Effort::Full } else { Effort::Linear };
    let bound = func.dfg.num_blocks() as u64 * values;
    if bound > MAX_LIVE_VALUES && (single_pass || effort == Effort::Linear) {
        let live = live_values(func, Passed::Blocks);
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
        blocks: warm(func).count(),
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

/// Blocks that are not cold. Cold ones, of which each check has one, call what preserves every register.
fn warm(func: &Function) -> impl Iterator<Item = Block> {
    let blocks = func.layout.blocks();
    blocks.filter(|&block| !func.layout.is_cold(block))
}

/// Whether an instruction is a call that counts.
fn is_call(func: &Function, block: Block, inst: Inst) -> bool {
    func.dfg.insts[inst].opcode().is_call() && !func.layout.is_cold(block)
}

/// How many calls a function makes.
fn calls(func: &Function) -> u64 {
    let mut calls = 0;
    for block in warm(func) {
        let insts = func.layout.block_insts(block);
        calls += insts.filter(|&inst| is_call(func, block, inst)).count() as u64;
    }
    calls
}

/// What a live value passes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Passed {
    Blocks,
    Calls,
}

/// Estimates for each value how many blocks or calls it passes: from its definition to its last use in the order of the
/// layout, and the whole of a loop that uses but does not define it. Loops nest in the layout as they do in wasm.
fn live_values(func: &Function, passed: Passed) -> u64 {
    let dfg = &func.dfg;
    // Steps are the blocks or calls before a place. Where a value is defined: the block's number and the step.
    let mut block_at = SecondaryMap::with_default(0_u32);
    let mut value_at = SecondaryMap::with_default((0_u32, 0_u32));
    let mut step = 0;
    for (block, place) in func.layout.blocks().zip(1..) {
        step += u32::from(passed == Passed::Blocks);
        block_at[block] = step;
        for &param in dfg.block_params(block) {
            value_at[param] = (place, step);
        }
        for inst in func.layout.block_insts(block) {
            step += u32::from(passed == Passed::Calls && is_call(func, block, inst));
            for &result in dfg.inst_results(inst) {
                value_at[result] = (place, step);
            }
        }
    }
    // By header: the last branch back to it.
    let mut loop_end = SecondaryMap::with_default(None);
    let mut order = SecondaryMap::with_default(0_u32);
    for (block, place) in func.layout.blocks().zip(1..) {
        order[block] = place;
        for (target, _) in branches(func, block) {
            if order[target] != 0 {
                loop_end[target] = Some((place, block));
            }
        }
    }
    let end_of = |block: Block| {
        let last = func.layout.next_block(block);
        last.map_or(step, |next| block_at[next])
    };
    // Across how many steps each value has been found to live.
    let mut spans = SecondaryMap::with_default(0_u32);
    // The open loops, as `(number of the header, number and step of the end)`, outermost first.
    let mut loops: Vec<(u32, u32, u32)> = Vec::new();
    for block in func.layout.blocks() {
        let place = order[block];
        while loops.last().is_some_and(|&(_, end, _)| end < place) {
            loops.pop();
        }
        if let Some((end, last)) = loop_end[block] {
            let end_step = match passed {
                Passed::Blocks => block_at[last],
                Passed::Calls => end_of(last),
            };
            loops.push((place, end, end_step));
        }
        let mut at = block_at[block];
        for inst in func.layout.block_insts(block) {
            for value in dfg.inst_values(inst) {
                let value = dfg.resolve_aliases(value);
                let (defined, from) = value_at[value];
                let outermost = loops.partition_point(|&(header, ..)| header <= defined);
                let to = loops.get(outermost).map_or(at, |&(_, _, end)| end.max(at));
                spans[value] = spans[value].max(to.saturating_sub(from));
            }
            at += u32::from(passed == Passed::Calls && is_call(func, block, inst));
        }
    }
    spans.values().map(|&span| u64::from(span)).sum()
}
