//! Where the count of fuel is when an instruction faults: in which register, or where in the frame.
//!
//! The count is an ordinary value, so only the register allocator knows. It is asked through value labels, as a debugger
//! would ask. Three steps around the optimiser, which knows nothing of the matter:
//!
//! ```text
//! before   each site's count = root + constant     root: a parameter, a result of a call, a load; those survive
//! after    every value = root + constant gets a label
//! at last  at a fault's offset some label of the same root is alive; the difference of the constants is owed
//! ```
//!
//! Some accesses get no answer: in code that Cranelift holds for cold, of which it keeps no locations; in functions whose
//! registers are allocated in one pass; and now and then where a range is lost. There the count is stored into the
//! frame's slot before the access instead, the last kind by making the code once more.
//!
//! Between the optimiser and the allocator the sums are put in order again: see [`Located::chain`].
//!
//! Must not know what the count means, nor who reads the table.

use super::signature::POINTER;
use super::translate::{FaultSite, Marked, Metering, clif_code};
use crate::code::{FuelPlace, FuelSite};
use crate::wasm::Trap;
use cranelift_codegen::CompiledCode;
use cranelift_codegen::LabelValueLoc;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{
    Block, DataFlowGraph, Function, Inst, InstBuilder, InstructionData, Opcode, Signature,
    StackSlot, TrapCode, Type, Value, ValueLabel, ValueLabelAssignments, ValueLabelStart, types,
};
use cranelift_entity::SecondaryMap;
use std::collections::{HashMap, HashSet};

/// So far up the dominator tree a count is looked for.
const MAX_STEPS: usize = 32;

/// The register of the third integer argument, and that of the fourth: where the count is in a prologue.
const ARGUMENTS: [u8; 2] = [2, 1];

/// How many results of a kind are returned in registers; with more of them the first integer argument is the place for
/// all.
const RESULT_REGISTERS: usize = 8;

/// The sites of a function, and the labels that find them.
#[derive(Default, Debug)]
pub(super) struct Located {
    /// By position.
    sites: Vec<Site>,
    /// What the value of each label holds: a root and a constant more.
    labels: Vec<(Value, i64)>,
    /// The positions before whose accesses the count is stored.
    pub(super) stored: HashSet<u32>,
    /// What counts are made of.
    roots: HashSet<Value>,
    /// Of the optimised function.
    sums: Sums,
}

#[derive(Copy, Clone, Debug)]
struct Site {
    position: u32,
    mark: u8,
    root: Value,
    /// What is to be added to what the root holds.
    owed: i64,
}

impl Located {
    /// Before the optimiser: what the counts are made of.
    pub(super) fn before(func: &Function, metering: &Metering) -> Located {
        let mut sums = Sums::default();
        let mut reduced = |site: &FaultSite| {
            let (root, more) = sums.of(&func.dfg, site.count);
            Site {
                position: site.position,
                mark: site.mark,
                root,
                owed: more + site.owed,
            }
        };
        let sites = metering.sites.iter().map(&mut reduced).collect();
        let roots = metering.counts.iter();
        Located {
            sites,
            roots: roots.map(|&count| sums.of(&func.dfg, count).0).collect(),
            ..Located::default()
        }
    }

    /// After the optimiser: makes each count of the one before it.
    ///
    /// Of `(x + 1) + 2` the optimiser makes `x + 3`, which keeps `x` alive beside `x + 1`: two registers for one count, and
    /// a copy at each turn of a loop. Instruction selection would do it again across blocks, so a count that comes from
    /// another block comes as a parameter.
    pub(super) fn chain(&mut self, func: &mut Function, domtree: &DominatorTree) {
        // The last count of each root in each block.
        let mut last: HashMap<(Block, Value), (Value, i64)> = HashMap::new();
        let mut same: HashMap<Value, Value> = HashMap::new();
        let blocks: Vec<Block> = func.layout.blocks().collect();
        let entered = entries(func);
        for block in blocks {
            let insts: Vec<Inst> = func.layout.block_insts(block).collect();
            for inst in insts {
                let &[value] = func.dfg.inst_results(inst) else {
                    continue;
                };
                if func.dfg.value_type(value) != types::I64 {
                    continue;
                }
                let (root, more) = self.sums.of(&func.dfg, value);
                if root == value || !self.roots.contains(&root) {
                    continue;
                }
                let before = std::iter::successors(Some(block), |&b| domtree.idom(b))
                    .take(MAX_STEPS)
                    .find_map(|from| Some((from, *last.get(&(from, root))?)));
                if let Some((from, (mut base, less))) = before {
                    if less == more {
                        same.insert(value, base);
                        continue;
                    }
                    if let (true, Some(&Some(branch))) = (from != block, entered.get(&block)) {
                        base = pass(func, branch, block, base);
                        self.sums.known[base] = Some((root, less));
                    }
                    let mut cursor = FuncCursor::new(func).at_inst(inst);
                    let difference = cursor.ins().iconst(types::I64, more - less);
                    func.dfg.insts[inst] = InstructionData::Binary {
                        opcode: Opcode::Iadd,
                        args: [base, difference],
                    };
                }
                last.insert((block, root), (value, more));
            }
        }
        if same.is_empty() {
            return;
        }
        let insts = func
            .layout
            .blocks()
            .flat_map(|b| func.layout.block_insts(b));
        for inst in insts.collect::<Vec<_>>() {
            func.dfg
                .map_inst_values(inst, |value| same.get(&value).copied().unwrap_or(value));
        }
    }

    /// After the optimiser: gives what it made anew, which has no position, that of the access before it in its block. An
    /// access that becomes part of such an instruction is that one.
    pub(super) fn place(&self, func: &mut Function) {
        if self.sites.is_empty() {
            return;
        }
        let mut placed = Vec::new();
        for block in func.layout.blocks() {
            let mut access = None;
            for inst in func.layout.block_insts(block) {
                let location = func.srcloc(inst);
                if func.dfg.insts[inst].memflags_trap_code(&func.dfg).is_some() {
                    access = Some(location);
                } else if let (true, Some(access)) = (location.is_default(), access) {
                    placed.push((inst, access));
                }
            }
        }
        for (inst, location) in placed {
            func.set_srcloc(inst, location);
        }
    }

    /// After the optimiser: stores the count into `slot` before the accesses for which `which`, given block and position,
    /// says so.
    pub(super) fn store(
        &mut self,
        func: &mut Function,
        slot: StackSlot,
        which: impl Fn(&Function, Block, u32) -> bool,
    ) {
        let mut stores = Vec::new();
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                let code = func.dfg.insts[inst].memflags_trap_code(&func.dfg);
                let position = func.srcloc(inst).bits();
                if let Some(site) = code.and_then(|code| self.site(position, code))
                    && !self.stored.contains(&site.position)
                    && which(func, block, site.position)
                {
                    stores.push((inst, site));
                }
            }
        }
        for (inst, site) in stores {
            self.stored.insert(site.position);
            let location = func.srcloc(inst);
            let mut cursor = FuncCursor::new(func).at_inst(inst);
            cursor.set_srcloc(location);
            let count = cursor.ins().iadd_imm_s(site.root, site.owed);
            cursor.ins().stack_store(POINTER, count, slot, 0);
        }
    }

    /// The access that faults with `code` in an instruction of the operator at `position`: that operator's, or the nearest
    /// one before with this mark.
    fn site(&self, position: u32, code: TrapCode) -> Option<Site> {
        let behind = self.sites.partition_point(|site| site.position <= position);
        let mut before = self.sites[..behind].iter().rev();
        let found = match Marked::from_clif(code) {
            Some(marked) => before.find(|site| site.mark == marked.mark),
            None if code == clif_code(Trap::IndirectCallToNull) => {
                before.next().filter(|site| site.position == position)
            }
            // What is raised leaves an instruction that is not reached.
            None => None,
        };
        found.copied()
    }

    /// Last thing before code is made: labels what holds a count.
    pub(super) fn label(&mut self, func: &mut Function) {
        let roots: HashSet<Value> = self.sites.iter().map(|site| site.root).collect();
        if roots.is_empty() {
            return;
        }
        let mut found = Vec::new();
        for block in func.layout.blocks() {
            let params = func.dfg.block_params(block).iter().copied();
            let insts = func.layout.block_insts(block);
            let results = insts.flat_map(|inst| func.dfg.inst_results(inst).iter().copied());
            for value in params.chain(results) {
                if func.dfg.value_type(value) != types::I64 {
                    continue;
                }
                let (root, more) = self.sums.of(&func.dfg, value);
                if roots.contains(&root) {
                    found.push((value, root, more));
                }
            }
        }
        func.dfg.collect_debug_info();
        let labels = func.dfg.values_labels.as_mut().expect("made just now");
        for (value, root, more) in found {
            let label = ValueLabel::from_u32(u32::try_from(self.labels.len()).unwrap_or(u32::MAX));
            self.labels.push((root, more));
            let start = ValueLabelStart {
                from: Default::default(),
                label,
            };
            labels.insert(value, ValueLabelAssignments::Starts(vec![start]));
        }
    }

    /// At last: the table of the faults in `compiled`. Offsets are relative to the function; `slot` is that of the slot to
    /// the frame pointer.
    ///
    /// # Errors
    ///
    /// The positions of accesses for which the allocator gave no answer.
    pub(super) fn table(
        &self,
        signature: &Signature,
        compiled: &CompiledCode,
        slot: i32,
    ) -> Result<Vec<FuelSite>, HashSet<u32>> {
        let mut ranges: Vec<(u32, u32, FuelPlace, Value, i64)> = Vec::new();
        for (label, places) in &compiled.value_labels_ranges {
            let (root, more) = self.labels[label.as_u32() as usize];
            for range in places {
                if let Some(place) = place(range.loc) {
                    ranges.push((range.start, range.end, place, root, more));
                }
            }
        }
        ranges.sort_unstable_by_key(|&(start, end, _, root, more)| (start, end, root, more));
        let mut faults: Vec<(u32, TrapCode)> = compiled
            .buffer
            .traps()
            .iter()
            .map(|trap| (trap.offset, trap.code))
            .collect();
        faults.sort_unstable_by_key(|&(offset, _)| offset);
        faults.dedup_by_key(|&mut (offset, _)| offset);
        let locations = compiled.buffer.get_srclocs_sorted();

        let mut table = Vec::with_capacity(faults.len());
        let mut lost = HashSet::new();
        let (mut started, mut location) = (0, 0);
        let mut alive: Vec<usize> = Vec::new();
        for (offset, code) in faults {
            if code == TrapCode::STACK_OVERFLOW {
                table.push(FuelSite {
                    offset,
                    place: FuelPlace::Register(argument(signature)),
                    owed: 0,
                });
                continue;
            }
            while ranges.get(started).is_some_and(|range| range.0 <= offset) {
                alive.push(started);
                started += 1;
            }
            alive.retain(|&range| ranges[range].1 > offset);
            while locations.get(location).is_some_and(|l| l.end <= offset) {
                location += 1;
            }
            let position = match locations.get(location) {
                Some(l) if l.start <= offset && !l.loc.is_default() => l.loc.bits(),
                _ => {
                    // Any access of this mark.
                    let Some(Marked { mark, .. }) = Marked::from_clif(code) else {
                        continue;
                    };
                    let same = self.sites.iter().filter(|site| site.mark == mark);
                    let open = same.map(|site| site.position);
                    let before = lost.len();
                    lost.extend(open.filter(|position| !self.stored.contains(position)));
                    if lost.len() == before {
                        table.push(FuelSite {
                            offset,
                            place: FuelPlace::Frame(slot),
                            owed: 0,
                        });
                    }
                    continue;
                }
            };
            let Some(site) = self.site(position, code) else {
                continue;
            };
            if self.stored.contains(&site.position) {
                table.push(FuelSite {
                    offset,
                    place: FuelPlace::Frame(slot),
                    owed: 0,
                });
                continue;
            }
            let here = alive.iter().map(|&range| ranges[range]);
            let found = here.into_iter().find(|range| range.3 == site.root);
            let found = found.and_then(|(_, _, place, _, more)| {
                let owed = i32::try_from(site.owed - more).ok()?;
                Some(FuelSite {
                    offset,
                    place,
                    owed,
                })
            });
            match found {
                Some(found) => table.push(found),
                None => _ = lost.insert(site.position),
            }
        }
        if lost.is_empty() {
            Ok(table)
        } else {
            Err(lost)
        }
    }
}

/// For each block that is entered by one branch, and that once, the branch.
fn entries(func: &Function) -> HashMap<Block, Option<Inst>> {
    let mut entries = HashMap::new();
    for block in func.layout.blocks() {
        let Some(branch) = func.layout.last_inst(block) else {
            continue;
        };
        let dfg = &func.dfg;
        let targets = dfg.insts[branch].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
        for target in targets {
            entries
                .entry(target.block(&dfg.value_lists))
                .and_modify(|entry| *entry = None)
                .or_insert(Some(branch));
        }
    }
    entries
}

/// Passes a value to a block that only this branch enters; what it is there.
fn pass(func: &mut Function, branch: Inst, block: Block, value: Value) -> Value {
    let param = func.dfg.append_block_param(block, types::I64);
    let dfg = &mut func.dfg;
    let targets =
        dfg.insts[branch].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
    for target in targets {
        if target.block(&dfg.value_lists) == block {
            target.append_argument(value, &mut dfg.value_lists);
        }
    }
    param
}

/// Values as another one and a constant. Each is looked at once, as sums may be as long as a function.
#[derive(Default, Debug)]
struct Sums {
    known: SecondaryMap<Value, Option<(Value, i64)>>,
    open: Vec<(Value, i64)>,
}

impl Sums {
    fn of(&mut self, dfg: &DataFlowGraph, value: Value) -> (Value, i64) {
        let mut value = dfg.resolve_aliases(value);
        let (root, mut more) = loop {
            if let Some(known) = self.known[value] {
                break known;
            }
            let Some((base, constant)) = addition(dfg, value) else {
                self.known[value] = Some((value, 0));
                break (value, 0);
            };
            self.open.push((value, constant));
            value = base;
        };
        while let Some((value, constant)) = self.open.pop() {
            more = more.wrapping_add(constant);
            self.known[value] = Some((root, more));
        }
        (root, more)
    }
}

/// What a value is the sum of, if one of the two is a constant.
fn addition(dfg: &DataFlowGraph, value: Value) -> Option<(Value, i64)> {
    let inst = dfg.value_def(value).inst()?;
    let InstructionData::Binary {
        opcode: Opcode::Iadd,
        args,
    } = dfg.insts[inst]
    else {
        return None;
    };
    let [a, b] = args.map(|arg| dfg.resolve_aliases(arg));
    match (constant(dfg, a), constant(dfg, b)) {
        (_, Some(constant)) => Some((a, constant)),
        (Some(constant), _) => Some((b, constant)),
        (None, None) => None,
    }
}

fn constant(dfg: &DataFlowGraph, value: Value) -> Option<i64> {
    let inst = dfg.value_def(value).inst()?;
    match dfg.insts[inst] {
        InstructionData::UnaryImm {
            opcode: Opcode::Iconst,
            imm,
        } => Some(imm.bits()),
        _ => None,
    }
}

fn place(found: LabelValueLoc) -> Option<FuelPlace> {
    /// Return address and saved frame pointer lie between the frame pointer and the canonical frame address.
    const CFA_TO_FRAME_POINTER: i64 = 16;
    match found {
        LabelValueLoc::Reg(reg) => {
            let reg = reg.to_real_reg()?;
            Some(FuelPlace::Register(reg.hw_enc()))
        }
        LabelValueLoc::CFAOffset(offset) => {
            let offset = i32::try_from(offset + CFA_TO_FRAME_POINTER).ok()?;
            Some(FuelPlace::Frame(offset))
        }
    }
}

/// The register of the argument that is the count.
fn argument(signature: &Signature) -> u8 {
    // Vectors are in the registers of floats.
    let in_vector = |ty: Type| ty.is_float() || ty.is_vector();
    let of_kind = |vector: bool| {
        let kind = signature
            .returns
            .iter()
            .filter(|p| in_vector(p.value_type) == vector);
        kind.count()
    };
    let in_memory = of_kind(false) > RESULT_REGISTERS || of_kind(true) > RESULT_REGISTERS;
    ARGUMENTS[usize::from(in_memory)]
}

#[cfg(not(target_arch = "x86_64"))]
compile_error!(
    "which register an argument is in, and how frames begin, is written for x86-64 only"
);
