//! Whether an artifact's parts agree with each other: every index in range, every initial value of the type of its place.
//! The tables that are searched by offset are not looked at: they do no harm whatever they hold.
//!
//! The compiler's output always passes. What passes may be published and instantiated without a panic; whether its code
//! is good is not decided here. Reads artifacts only.

use super::{Artifact, FuncLoc, TrampolineCode, frames_offset};
use crate::abi::builtins::HOST_WORD;
use crate::entity::{EntityRef, PrimaryMap};
use crate::error::{Context, Result, bail, ensure};
use crate::wasm::{
    ConstExpr, ConstOp, DataMode, DefinedFuncIndex, ElemItems, ElemMode, ElemSegment, EntityIndex,
    FuncIndex, GlobalIndex, ModuleInfo, WasmRef, WasmVal,
};
use std::collections::HashSet;

/// Checks all of an artifact but its code.
///
/// # Errors
///
/// Names the first disagreement.
pub(super) fn artifact(artifact: &Artifact) -> Result<()> {
    let info = &artifact.module;
    let text = artifact.text.bytes.len();
    index_spaces(info)?;
    ensure!(
        text >= HOST_WORD && text.is_multiple_of(HOST_WORD),
        "the text has no word for the host at its end"
    );
    functions(info, &artifact.functions, text)?;
    frames(&artifact.text.frames, text)?;
    trampolines(info, &artifact.trampolines)?;
    frames(
        &artifact.trampolines.frames,
        artifact.trampolines.text.len(),
    )?;
    Module::new(info)?.check()
}

/// The counts of index spaces that belong together.
fn index_spaces(info: &ModuleInfo) -> Result<()> {
    let mut imported = [0; 4];
    for import in &info.imports {
        let (space, index) = match import.index {
            EntityIndex::Func(i) => (0, i.index()),
            EntityIndex::Table(i) => (1, i.index()),
            EntityIndex::Memory(i) => (2, i.index()),
            EntityIndex::Global(i) => (3, i.index()),
        };
        ensure!(
            index == imported[space],
            "import {:?} {:?} is out of order",
            import.module,
            import.name
        );
        imported[space] += 1;
    }
    let spaces = [
        ("function", info.imported_funcs, info.funcs.len()),
        ("table", info.imported_tables, info.tables.len()),
        ("memory", info.imported_memories, info.memories.len()),
        ("global", info.imported_globals, info.globals.len()),
    ];
    for ((what, count, all), found) in spaces.into_iter().zip(imported) {
        ensure!(
            count == found && count <= all,
            "{found} imports of the kind {what}, {count} announced, {all} indices"
        );
    }
    for (what, inits, defined) in [
        (
            "globals",
            info.global_inits.len(),
            info.globals.len() - info.imported_globals,
        ),
        (
            "tables",
            info.table_inits.len(),
            info.tables.len() - info.imported_tables,
        ),
    ] {
        ensure!(
            inits == defined,
            "{inits} initial values for {defined} {what}"
        );
    }
    for (index, &ty) in &info.funcs {
        ensure!(info.types.is_valid(ty), "{index:?} is of unknown {ty:?}");
    }
    for (index, memory) in &info.memories {
        ensure!(
            memory.page_size_log2 <= 16,
            "{index:?} has pages of 2^{} bytes",
            memory.page_size_log2
        );
    }
    Ok(())
}

/// The places of the functions' code.
fn functions(
    info: &ModuleInfo,
    functions: &PrimaryMap<DefinedFuncIndex, FuncLoc>,
    text: usize,
) -> Result<()> {
    let defined = info.funcs.len() - info.imported_funcs;
    ensure!(
        functions.len() == defined,
        "code of {} functions for {defined}",
        functions.len()
    );
    for (index, loc) in functions {
        let end = u64::from(loc.start) + u64::from(loc.len);
        ensure!(
            loc.len > 0 && end <= (text - HOST_WORD) as u64,
            "the code of {index:?} is not inside the text"
        );
    }
    Ok(())
}

/// How every common entry begins: version 1, addresses relative to their places in 32 bits.
const COMMON: &[u8] = b"\0\0\0\0\x01zR\0\x01\x78\x10\x01\x1b";

/// The structure of an `.eh_frame` section as the compiler makes it: one common entry, then one per function, then a zero.
/// What unwinding instructions do is trusted like code.
fn frames(frames: &[u8], text: usize) -> Result<()> {
    let word = |at: usize| {
        let word = frames.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*word))
    };
    let malformed = || "the unwinding section is malformed";
    if frames.is_empty() {
        return Ok(());
    }
    // How addresses are encoded is not for the section to say: the system's unwinder aborts where it does not know.
    ensure!(
        frames
            .get(4..)
            .is_some_and(|entry| entry.starts_with(COMMON)),
        "the unwinding section is malformed: its common entry is unknown"
    );
    let section = i64::try_from(frames_offset(text))?;
    let mut at = 0;
    loop {
        let len = word(at).with_context(malformed)? as usize;
        if len == 0 {
            ensure!(
                at > 0 && at + 4 == frames.len(),
                "the unwinding section ends early"
            );
            return Ok(());
        }
        // Room for what follows the length, and for the zero behind it.
        ensure!(
            len.is_multiple_of(4) && len >= 16 && len < frames.len() - at - 4,
            "an entry of the unwinding section leaves it"
        );
        let common = word(at + 4).with_context(malformed)? as usize;
        ensure!(
            common == if at == 0 { 0 } else { at + 4 },
            "an entry of the unwinding section refers to another one"
        );
        if at > 0 {
            let start = word(at + 8).with_context(malformed)?.cast_signed();
            let start = section + at as i64 + 8 + i64::from(start);
            let size = i64::from(word(at + 12).with_context(malformed)?);
            ensure!(
                start >= 0 && start + size <= text as i64,
                "an entry of the unwinding section is for code outside the text"
            );
        }
        at += 4 + len;
    }
}

/// Trampolines of every type, or of none.
fn trampolines(info: &ModuleInfo, code: &TrampolineCode) -> Result<()> {
    let types = info.distinct_types().count();
    ensure!(
        code.places.is_empty() || code.places.len() == types,
        "trampolines of {} types for {types}",
        code.places.len()
    );
    // One behind the other.
    let starts = code
        .places
        .iter()
        .flat_map(|place| [place.enter, place.exit]);
    ensure!(
        starts.clone().is_sorted_by(|a, b| a < b)
            && starts
                .last()
                .is_none_or(|last| (last as usize) < code.text.len()),
        "a trampoline is not inside the text of all, or not behind the one before it"
    );
    Ok(())
}

/// A module whose index spaces have been checked.
struct Module<'a> {
    info: &'a ModuleInfo,
    escaping: HashSet<FuncIndex>,
}

impl<'a> Module<'a> {
    fn new(info: &'a ModuleInfo) -> Result<Self> {
        for &func in &info.escaping {
            ensure!(
                info.funcs.is_valid(func) && info.defined_func(func).is_some(),
                "{func:?} escapes without being defined"
            );
        }
        Ok(Module {
            info,
            escaping: info.escaping.iter().copied().collect(),
        })
    }

    fn check(&self) -> Result<()> {
        let info = self.info;
        for (name, export) in &info.exports {
            self.entity(export.index)
                .with_context(|| format!("export {name:?}"))?;
        }
        if let Some(start) = info.start {
            ensure!(
                info.funcs.is_valid(start),
                "the start function is unknown {start:?}"
            );
            let ty = info.func_type(start);
            ensure!(
                ty.params.is_empty() && ty.results.is_empty(),
                "the start function is a {ty}"
            );
        }
        for (index, init) in &info.global_inits {
            let global = info.global_index(index);
            let ty = info.globals[global].content;
            self.expr(init, ty, global)
                .with_context(|| format!("initial value of {global:?}"))?;
        }
        for (index, init) in &info.table_inits {
            let table = info.table_index(index);
            let ty = info.tables[table].element;
            match init {
                Some(init) => self.expr(init, WasmVal::Ref(ty), self.all_globals()),
                None if ty.nullable => Ok(()),
                None => Err(crate::format_err!("null in a table of {ty}")),
            }
            .with_context(|| format!("initial element of {table:?}"))?;
        }
        for (index, segment) in &info.elems {
            self.elem(segment).with_context(|| format!("{index:?}"))?;
        }
        for (index, segment) in &info.data {
            let range = &segment.range;
            ensure!(
                range.start <= range.end && range.end <= info.data_bytes.len(),
                "{index:?} is not inside the module's data"
            );
            if let DataMode::Active { memory, offset } = &segment.mode {
                let desc = info.memories.get(*memory);
                let desc = desc.with_context(|| format!("{index:?} is for unknown {memory:?}"))?;
                self.expr(offset, index_type(desc.memory64), self.all_globals())
                    .with_context(|| format!("offset of {index:?}"))?;
            }
        }
        Ok(())
    }

    fn elem(&self, segment: &ElemSegment) -> Result<()> {
        if let ElemMode::Active { table, offset } = &segment.mode {
            let desc = self.info.tables.get(*table);
            let desc = desc.with_context(|| format!("unknown {table:?}"))?;
            ensure!(
                segment.ty.matches(desc.element),
                "{} for a table of {}",
                segment.ty,
                desc.element
            );
            self.expr(offset, index_type(desc.table64), self.all_globals())
                .context("offset")?;
        }
        match &segment.items {
            ElemItems::Funcs(funcs) => {
                ensure!(
                    WasmRef::FUNC.heap == segment.ty.heap,
                    "functions as {}",
                    segment.ty
                );
                funcs.iter().try_for_each(|&func| self.reference(func))
            }
            ElemItems::Exprs(exprs) => exprs
                .iter()
                .try_for_each(|expr| self.expr(expr, WasmVal::Ref(segment.ty), self.all_globals())),
        }
    }

    /// An entity that is handed out.
    fn entity(&self, index: EntityIndex) -> Result<()> {
        let known = match index {
            EntityIndex::Func(func) => return self.reference(func),
            EntityIndex::Table(i) => self.info.tables.is_valid(i),
            EntityIndex::Memory(i) => self.info.memories.is_valid(i),
            EntityIndex::Global(i) => self.info.globals.is_valid(i),
        };
        ensure!(known, "unknown {index:?}");
        Ok(())
    }

    /// A function whose reference is taken: an imported one brings its own, others need a place for it.
    fn reference(&self, func: FuncIndex) -> Result<()> {
        ensure!(self.info.funcs.is_valid(func), "unknown {func:?}");
        ensure!(
            self.info.defined_func(func).is_none() || self.escaping.contains(&func),
            "{func:?} has no place for its reference"
        );
        Ok(())
    }

    /// An expression that may read the globals before `before` and must yield a `result`.
    fn expr(&self, expr: &ConstExpr, result: WasmVal, before: GlobalIndex) -> Result<()> {
        let mut stack = Vec::new();
        for op in &expr.ops {
            let ty = match *op {
                ConstOp::I32(_) => WasmVal::I32,
                ConstOp::I64(_) => WasmVal::I64,
                ConstOp::F32(_) => WasmVal::F32,
                ConstOp::F64(_) => WasmVal::F64,
                ConstOp::V128(_) => WasmVal::V128,
                ConstOp::GlobalGet(global) => {
                    ensure!(global < before, "{global:?} is not initialised yet");
                    self.info.globals[global].content
                }
                ConstOp::RefNull(ty) => {
                    ensure!(ty.nullable, "null as {ty}");
                    WasmVal::Ref(ty)
                }
                ConstOp::RefFunc(func) => {
                    self.reference(func)?;
                    WasmVal::Ref(WasmRef {
                        nullable: false,
                        ..WasmRef::FUNC
                    })
                }
                ConstOp::I32Add | ConstOp::I32Sub | ConstOp::I32Mul => {
                    operands(&mut stack, WasmVal::I32)?
                }
                ConstOp::I64Add | ConstOp::I64Sub | ConstOp::I64Mul => {
                    operands(&mut stack, WasmVal::I64)?
                }
            };
            stack.push(ty);
        }
        match *stack {
            [ty] if ty.matches(result) => Ok(()),
            [ty] => bail!("a constant expression yields {ty} for {result}"),
            _ => bail!("a constant expression yields {} values", stack.len()),
        }
    }

    /// The end of the globals' index space, for expressions that are evaluated after all of them.
    fn all_globals(&self) -> GlobalIndex {
        GlobalIndex::new(self.info.globals.len())
    }
}

/// Takes two operands of one type off the stack; the result has it too.
fn operands(stack: &mut Vec<WasmVal>, ty: WasmVal) -> Result<WasmVal> {
    ensure!(
        stack.pop() == Some(ty) && stack.pop() == Some(ty),
        "a constant expression lacks operands of {ty}"
    );
    Ok(ty)
}

fn index_type(wide: bool) -> WasmVal {
    if wide { WasmVal::I64 } else { WasmVal::I32 }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::bytes::Bytes;
    use crate::code::{
        Artifact, CodeTables, Dwarf, DwarfSection, FuelPlace, FuelSite, FuncLoc, Text,
        TrampolineCode, TrampolinePlace,
    };
    use crate::entity::EntityRef;
    use crate::wasm::{
        ConstExpr, ConstOp, DataMode, DataSegment, DefinedGlobalIndex, ElemIndex, ElemItems,
        ElemMode, ElemSegment, EntityIndex, ExportDef, FuncIndex, FuncNames, GlobalDesc,
        GlobalIndex, ImportDef, MemoryDesc, MemoryIndex, ModuleInfo, TableDesc, TableIndex,
        TypeIndex, WasmFuncType, WasmRef, WasmVal,
    };

    fn expr(ops: &[ConstOp]) -> ConstExpr {
        ConstExpr { ops: ops.to_vec() }
    }

    /// An artifact with something of everything: one imported and two defined functions.
    pub(in crate::code) fn artifact() -> Artifact {
        let mut module = ModuleInfo {
            name: Some("m".into()),
            imported_funcs: 1,
            start: Some(FuncIndex::new(1)),
            escaping: vec![FuncIndex::new(2)],
            data_bytes: b"hello".to_vec().into(),
            ..ModuleInfo::default()
        };
        let ty = |params: &[WasmVal]| WasmFuncType {
            params: params.into(),
            results: [].into(),
        };
        module.types.push(ty(&[]));
        module
            .types
            .push(ty(&[WasmVal::I32, WasmVal::Ref(WasmRef::EXTERN)]));
        for ty in [0, 0, 1] {
            module.funcs.push(TypeIndex::new(ty));
        }
        module.imports.push(ImportDef {
            module: "host".into(),
            name: "f".into(),
            index: EntityIndex::Func(FuncIndex::new(0)),
        });
        for (name, index) in [
            ("f", EntityIndex::Func(FuncIndex::new(2))),
            ("t", EntityIndex::Table(TableIndex::new(0))),
            ("m", EntityIndex::Memory(MemoryIndex::new(0))),
            ("g", EntityIndex::Global(GlobalIndex::new(1))),
        ] {
            module.exports.insert(name.into(), ExportDef { index });
        }
        module.tables.push(TableDesc {
            element: WasmRef::FUNC,
            min: 2,
            max: None,
            table64: false,
        });
        module.table_inits.push(None);
        module.memories.push(MemoryDesc {
            min: 1,
            max: Some(3),
            memory64: false,
            shared: false,
            page_size_log2: 16,
        });
        for ops in [
            &[ConstOp::I32(-3)][..],
            &[
                ConstOp::GlobalGet(GlobalIndex::new(0)),
                ConstOp::I32(5),
                ConstOp::I32Mul,
            ],
        ] {
            module.globals.push(GlobalDesc {
                content: WasmVal::I32,
                mutable: false,
            });
            module.global_inits.push(expr(ops));
        }
        module.elems.push(ElemSegment {
            ty: WasmRef::FUNC,
            mode: ElemMode::Active {
                table: TableIndex::new(0),
                offset: expr(&[ConstOp::I32(0)]),
            },
            items: ElemItems::Funcs(vec![FuncIndex::new(0), FuncIndex::new(2)]),
        });
        module.elems.push(ElemSegment {
            ty: WasmRef::FUNC,
            mode: ElemMode::Passive,
            items: ElemItems::Exprs(vec![
                expr(&[ConstOp::RefNull(WasmRef::FUNC)]),
                expr(&[ConstOp::RefFunc(FuncIndex::new(2))]),
            ]),
        });
        module.data.push(DataSegment {
            mode: DataMode::Active {
                memory: MemoryIndex::new(0),
                offset: expr(&[ConstOp::GlobalGet(GlobalIndex::new(1))]),
            },
            range: 1..5,
        });
        module.func_names = FuncNames::new(&[(1, "main")].into());
        let functions = [(0, 20), (32, 10)].map(|(start, len)| FuncLoc {
            start,
            len,
            wasm_offset: 40 + start,
            fuel_slot: -16,
        });
        Artifact {
            module,
            text: Text {
                bytes: (0..48).chain([0; 8]).collect::<Vec<u8>>().into(),
                frames: frames().into(),
                file: None,
            },
            functions: functions.into_iter().collect(),
            tables: CodeTables::new(
                &[(3, 1), (35, 2)],
                &[(0, 41), (20, u32::MAX), (32, 73)],
                &[FuelSite {
                    offset: 35,
                    place: FuelPlace::Frame(-24),
                    owed: 1,
                }],
            ),
            dwarf: Dwarf::with_sections(
                40,
                vec![DwarfSection {
                    name: ".debug_info".into(),
                    data: vec![1, 2, 3].into(),
                }],
            ),
            trampolines: TrampolineCode {
                text: vec![0; 16].into(),
                frames: Bytes::default(),
                places: vec![
                    TrampolinePlace { enter: 0, exit: 4 },
                    TrampolinePlace { enter: 8, exit: 12 },
                ],
            },
        }
    }

    /// An unwinding section for the first function: a common entry and its own.
    fn frames() -> Vec<u8> {
        let common = *b"\0\0\0\0\x01zR\0\x01\x78\x10\x01\x1b\x0c\x07\x08\x90\x01\0\0";
        let mut own = Vec::new();
        own.extend_from_slice(&28u32.to_le_bytes());
        own.extend_from_slice(&(-(56i32 + 32)).to_le_bytes());
        own.extend_from_slice(&20u32.to_le_bytes());
        own.extend_from_slice(&[0; 4]);
        let mut all = Vec::new();
        for entry in [&common[..], &own] {
            all.extend_from_slice(&u32::try_from(entry.len()).unwrap().to_le_bytes());
            all.extend_from_slice(entry);
        }
        all.extend_from_slice(&[0; 4]);
        all
    }

    fn change_frames(a: &mut Artifact, change: impl FnOnce(&mut Vec<u8>)) {
        let mut frames = a.text.frames.to_vec();
        change(&mut frames);
        a.text.frames = frames.into();
    }

    /// A name of the disagreement, and the change that makes it.
    type Case = (&'static str, fn(&mut Artifact));

    #[test]
    fn disagreements_are_named() {
        super::artifact(&artifact()).unwrap();
        let cases: &[Case] = &[
            ("is out of order", |a| {
                a.module.imports[0].index = EntityIndex::Func(FuncIndex::new(1));
            }),
            ("1 imports of the kind function, 2 announced", |a| {
                a.module.imported_funcs = 2
            }),
            ("0 imports of the kind memory, 9 announced", |a| {
                a.module.imported_memories = 9
            }),
            ("is of unknown type7", |a| {
                a.module.funcs[FuncIndex::new(0)] = TypeIndex::new(7)
            }),
            ("has pages of 2^64 bytes", |a| {
                a.module.memories[MemoryIndex::new(0)].page_size_log2 = 64;
            }),
            ("1 initial values for 2 globals", |a| {
                a.module.global_inits = [expr(&[ConstOp::I32(0)])].into_iter().collect();
            }),
            ("code of 0 functions for 2", |a| {
                a.functions = Default::default()
            }),
            ("the code of dfunc1 is not inside the text", |a| {
                a.text.bytes = a.text.bytes.part(0..48)
            }),
            ("trampolines of 1 types for 2", |a| {
                a.trampolines.places.truncate(1)
            }),
            ("a trampoline is not inside the text", |a| {
                a.trampolines.places[1].exit = 16
            }),
            ("no word for the host", |a| {
                a.text.bytes = a.text.bytes.part(0..55)
            }),
            ("the unwinding section is malformed", |a| {
                change_frames(a, |frames| frames.truncate(2))
            }),
            ("an entry of the unwinding section leaves it", |a| {
                change_frames(a, |frames| frames[0] = 0xf0)
            }),
            ("the unwinding section ends early", |a| {
                change_frames(a, |frames| frames[24] = 0)
            }),
            ("an entry of the unwinding section refers", |a| {
                change_frames(a, |frames| frames[28] = 4)
            }),
            ("is for code outside the text", |a| {
                change_frames(a, |frames| frames[36] = 200)
            }),
            ("escapes without being defined", |a| {
                a.module.escaping.push(FuncIndex::new(0))
            }),
            ("func2 has no place for its reference", |a| {
                a.module.escaping.clear()
            }),
            ("unknown Table(table1)", |a| {
                a.module.exports["t"].index = EntityIndex::Table(TableIndex::new(1));
            }),
            ("the start function is a (func (param", |a| {
                a.module.start = Some(FuncIndex::new(2));
            }),
            ("global1 is not initialised yet", |a| {
                a.module.global_inits[DefinedGlobalIndex::new(0)] =
                    expr(&[ConstOp::GlobalGet(GlobalIndex::new(1))]);
            }),
            ("data0 is not inside the module's data", |a| {
                a.module.data_bytes = a.module.data_bytes.part(0..4)
            }),
            ("data0 is for unknown memory0", |a| {
                a.module.exports.clear();
                a.module.memories = Default::default();
            }),
            ("externref for a table of funcref", |a| {
                a.module.elems[ElemIndex::new(0)].ty = WasmRef::EXTERN;
            }),
            ("yields i64 for i32", |a| {
                a.module.global_inits[DefinedGlobalIndex::new(0)] = expr(&[ConstOp::I64(0)]);
            }),
            ("lacks operands of i32", |a| {
                a.module.global_inits[DefinedGlobalIndex::new(0)] =
                    expr(&[ConstOp::I32(0), ConstOp::I32Add]);
            }),
            ("yields 0 values", |a| {
                a.module.global_inits[DefinedGlobalIndex::new(0)] = expr(&[])
            }),
        ];
        for (expected, change) in cases {
            let mut artifact = artifact();
            change(&mut artifact);
            let error = super::artifact(&artifact).expect_err(expected);
            assert!(
                format!("{error:#}").contains(expected),
                "{error:#}, not {expected}"
            );
        }
    }
}
