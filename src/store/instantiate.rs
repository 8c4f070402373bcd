//! Making an instance: allocate, wire imports, define, initialise.
//!
//! [`instantiate`] reads as the specification's order. The instance is in the store before anything that can fail
//! halfway, because tables of other instances may already hold its functions by then. Where none does, a failure takes
//! it out again.

use super::entities::{GlobalId, InstanceId, MemoryId, TableId};
use super::instance::{ImportedEntity, InstanceData, VmctxBox};
use super::module::LoadedModule;
use super::{StoreCore, builtin_array};
use crate::abi::{MAGIC_INSTANCE, VmContext, VmFuncRef, VmGlobal, VmMemory, VmTable};
use crate::entity::EntityRef;
use crate::memory::{AnyMemory, TableMemory};
use crate::wasm::{
    ConstExpr, ConstOp, DataMode, ElemItems, ElemMode, FuncIndex, GlobalIndex, MemoryIndex,
    TableIndex, Trap, WasmVal,
};
use crate::{Result, bail, format_err};
use std::ptr::NonNull;
use std::sync::Arc;

/// A start function that is to be called, and the instance in whose name.
pub(crate) struct Start {
    pub(crate) func: NonNull<VmFuncRef>,
    pub(crate) instance: NonNull<VmContext>,
}

/// Instantiates a module with imports that match it. The start function, if there is one, is returned to be called.
///
/// # Errors
///
/// A limit, memory that cannot be had, or the trap of a segment that does not fit.
pub(crate) fn instantiate(
    core: &mut StoreCore,
    module: &Arc<LoadedModule>,
    imports: &[ImportedEntity],
) -> Result<(InstanceId, Option<Start>)> {
    core.settle_all()?;
    let info = module.info();
    core.check_counts(
        info.tables.len() - info.imported_tables,
        info.memories.len() - info.imported_memories,
    )?;
    // Whatever the limiter refuses is refused before anything is made.
    let (memories, tables) = allocate(core, module)?;
    let before = Sizes::of(core);
    let id = enter_store(core, module, imports, memories, tables);
    let mut escaped = false;
    if let Err(error) = initialise(core, id, &mut escaped) {
        if !escaped {
            before.restore(core);
        }
        return Err(error);
    }
    let start = info.start.map(|func| {
        let reference = make_func_ref(core, id, func);
        let instance = &mut core.instances[id.index()];
        Start {
            func: NonNull::from(&mut **instance.start.insert(reference)),
            instance: instance.vmctx.head(),
        }
    });
    Ok((id, start))
}

/// Everything that may fail once the instance is in its store. `escaped` tells whether somebody else's table may hold
/// one of its functions by now.
fn initialise(core: &mut StoreCore, id: InstanceId, escaped: &mut bool) -> Result<()> {
    initialise_globals(core, id)?;
    initialise_tables(core, id)?;
    evaluate_passive_elements(core, id)?;
    active_elements(core, id, escaped)?;
    active_data(core, id)
}

/// How much of everything was in a store before an instance came.
struct Sizes {
    instances: usize,
    memories: usize,
    tables: usize,
    globals: usize,
    guest_memories: usize,
    guest_tables: usize,
}

impl Sizes {
    fn of(core: &StoreCore) -> Sizes {
        Sizes {
            instances: core.instances.len(),
            memories: core.memories.len(),
            tables: core.tables.len(),
            globals: core.globals.len(),
            guest_memories: core.guest_memories,
            guest_tables: core.guest_tables,
        }
    }

    /// Takes an instance out again to which nothing refers: neither handles, which are made last, nor tables.
    fn restore(self, core: &mut StoreCore) {
        core.instances.truncate(self.instances);
        core.exec.memory_ranges.truncate(self.memories);
        core.memories.truncate(self.memories);
        core.tables.truncate(self.tables);
        core.globals.truncate(self.globals);
        core.guest_memories = self.guest_memories;
        core.guest_tables = self.guest_tables;
    }
}

/// The reference of a function that can be referred to: imported, exported, or taken by the module.
///
/// # Panics
///
/// The module never takes this function's reference.
pub(crate) fn func_ref(core: &StoreCore, id: InstanceId, func: FuncIndex) -> NonNull<VmFuncRef> {
    let instance = &core.instances[id.index()];
    let layout = &instance.module.compiled.layout;
    if instance.module.info().defined_func(func).is_none() {
        // SAFETY: the offset is the layout's; `enter_store` filled the field.
        return unsafe {
            instance
                .vmctx
                .field::<NonNull<VmFuncRef>>(layout.imported_func(func))
                .read()
        };
    }
    let offset = layout
        .func_ref(func)
        .expect("only escaping functions are referred to");
    // SAFETY: the offset is the layout's.
    unsafe { instance.vmctx.field(offset) }
}

/// Makes the memories and tables that the module defines.
fn allocate(
    core: &mut StoreCore,
    module: &LoadedModule,
) -> Result<(Vec<AnyMemory>, Vec<TableMemory>)> {
    let info = module.info();
    let mut memories = Vec::new();
    for desc in info.memories.values().skip(info.imported_memories) {
        memories.push(core.new_guest_memory(desc)?);
    }
    let mut tables = Vec::new();
    for desc in info.tables.values().skip(info.imported_tables) {
        tables.push(core.new_table(desc)?);
    }
    Ok((memories, tables))
}

/// Puts the instance into the store: from here on its functions can be referred to.
fn enter_store(
    core: &mut StoreCore,
    module: &Arc<LoadedModule>,
    imports: &[ImportedEntity],
    memories: Vec<AnyMemory>,
    tables: Vec<TableMemory>,
) -> InstanceId {
    let info = module.info();
    let layout = &module.compiled.layout;
    let vmctx = VmctxBox::new(layout.size());
    let id = InstanceId::new(core.instances.len());
    let head = VmContext {
        magic: MAGIC_INSTANCE,
        instance: id.as_u32(),
        store: core.address(),
        builtins: builtin_array(),
        type_ids: module.type_ids().as_ptr(),
        due: core.due(),
    };
    // SAFETY: the allocation has room for the head.
    unsafe { vmctx.head().write(head) };

    let mut memory_ids: Vec<MemoryId> = Vec::new();
    let mut table_ids: Vec<TableId> = Vec::new();
    let mut global_ids: Vec<GlobalId> = Vec::new();
    let mut funcs = 0;
    for import in imports {
        // SAFETY (all four): the offsets are the layout's, and imports come in the order of their index spaces.
        match *import {
            ImportedEntity::Func(func) => {
                let offset = layout.imported_func(FuncIndex::new(funcs));
                // SAFETY: as above.
                unsafe { vmctx.field(offset).write(func) };
                funcs += 1;
            }
            ImportedEntity::Table(table) => {
                let offset = layout.imported_table(TableIndex::new(table_ids.len()));
                // SAFETY: as above.
                unsafe { vmctx.field(offset).write(core.tables[table.index()].vm) };
                table_ids.push(table);
            }
            ImportedEntity::Memory(memory) => {
                let offset = layout.imported_memory(MemoryIndex::new(memory_ids.len()));
                // SAFETY: as above.
                unsafe { vmctx.field(offset).write(core.memories[memory.index()].vm) };
                memory_ids.push(memory);
            }
            ImportedEntity::Global(global) => {
                let offset = layout.imported_global(GlobalIndex::new(global_ids.len()));
                // SAFETY: as above.
                unsafe { vmctx.field(offset).write(core.globals[global.index()].vm) };
                global_ids.push(global);
            }
        }
    }
    core.guest_memories += memories.len();
    core.guest_tables += tables.len();
    for memory in memories {
        let index = info.defined_memory(MemoryIndex::new(memory_ids.len()));
        let offset = layout.memory(index.expect("after the imported ones"));
        // SAFETY: the offset is the layout's.
        let vm = unsafe { vmctx.field::<VmMemory>(offset) };
        memory_ids.push(core.push_memory(memory, Some(vm)));
    }
    for table in tables {
        let index = TableIndex::new(table_ids.len());
        let offset = layout.table(info.defined_table(index).expect("after the imported ones"));
        // SAFETY: the offset is the layout's.
        let vm = unsafe { vmctx.field::<VmTable>(offset) };
        table_ids.push(core.push_table(table, info.tables[index], Some(vm)));
    }
    for (index, desc) in info.globals.iter().skip(info.imported_globals) {
        let offset = layout.global(info.defined_global(index).expect("after the imported ones"));
        // SAFETY: the offset is the layout's.
        let vm = unsafe { vmctx.field::<VmGlobal>(offset) };
        global_ids.push(core.push_global(*desc, VmGlobal { bytes: [0; 16] }, Some(vm)));
    }
    let context = vmctx.head();
    for &func in &info.escaping {
        let (Some(defined), Some(offset)) = (info.defined_func(func), layout.func_ref(func)) else {
            continue;
        };
        let reference = VmFuncRef {
            code: module.compiled.function_address(defined),
            vmctx: context.as_ptr(),
            type_id: module.registered_func(func).id() as usize,
        };
        // SAFETY: the offset is the layout's.
        unsafe { vmctx.field(offset).write(reference) };
    }
    core.instances.push(InstanceData {
        module: Arc::clone(module),
        vmctx,
        memories: memory_ids.into(),
        tables: table_ids.into(),
        globals: global_ids.into(),
        elems: vec![None; info.elems.len()],
        dropped_data: vec![false; info.data.len()],
        start: None,
    });
    id
}

/// A reference for calling a function whose reference the module may never take.
fn make_func_ref(core: &StoreCore, id: InstanceId, func: FuncIndex) -> Box<VmFuncRef> {
    let instance = &core.instances[id.index()];
    Box::new(match instance.module.info().defined_func(func) {
        // SAFETY: references of imported functions are live.
        None => unsafe { func_ref(core, id, func).read() },
        Some(defined) => VmFuncRef {
            code: instance.module.compiled.function_address(defined),
            vmctx: instance.vmctx.head().as_ptr(),
            type_id: instance.module.registered_func(func).id() as usize,
        },
    })
}

fn initialise_globals(core: &StoreCore, id: InstanceId) -> Result<()> {
    let module = Arc::clone(&core.instances[id.index()].module);
    let info = module.info();
    for (defined, init) in &info.global_inits {
        let value = evaluate(core, id, init)?;
        let global = core.instances[id.index()].globals[info.global_index(defined).index()];
        let vm = core.globals[global.index()].vm;
        // SAFETY: the global lives in this instance's VMContext.
        unsafe {
            vm.write(VmGlobal {
                bytes: value.to_le_bytes(),
            })
        };
    }
    Ok(())
}

fn initialise_tables(core: &mut StoreCore, id: InstanceId) -> Result<()> {
    let module = Arc::clone(&core.instances[id.index()].module);
    let info = module.info();
    for (defined, init) in &info.table_inits {
        let Some(init) = init else { continue };
        let word = word_of(evaluate(core, id, init)?);
        let table = core.instances[id.index()].tables[info.table_index(defined).index()];
        let table = &mut core.tables[table.index()].table;
        for i in 0..table.len() {
            table.set(i, word);
        }
    }
    Ok(())
}

/// The words of an element segment.
fn evaluate_elements(core: &StoreCore, id: InstanceId, items: &ElemItems) -> Result<Arc<[usize]>> {
    match items {
        ElemItems::Funcs(funcs) => Ok(funcs
            .iter()
            .map(|&func| func_ref(core, id, func).addr().get())
            .collect()),
        ElemItems::Exprs(exprs) => exprs
            .iter()
            .map(|expr| Ok(word_of(evaluate(core, id, expr)?)))
            .collect(),
    }
}

fn evaluate_passive_elements(core: &mut StoreCore, id: InstanceId) -> Result<()> {
    let module = Arc::clone(&core.instances[id.index()].module);
    for (index, segment) in &module.info().elems {
        if matches!(segment.mode, ElemMode::Passive) {
            let words = evaluate_elements(core, id, &segment.items)?;
            core.instances[id.index()].elems[index.index()] = Some(words);
        }
    }
    Ok(())
}

fn active_elements(core: &mut StoreCore, id: InstanceId, escaped: &mut bool) -> Result<()> {
    let module = Arc::clone(&core.instances[id.index()].module);
    for segment in module.info().elems.values() {
        let ElemMode::Active { table, offset } = &segment.mode else {
            continue;
        };
        let words = evaluate_elements(core, id, &segment.items)?;
        let desc = &module.info().tables[*table];
        let is_imported = module.info().defined_table(*table).is_none();
        let start = index_of(evaluate(core, id, offset)?, desc.table64);
        let table = core.instances[id.index()].tables[table.index()];
        let table = &mut core.tables[table.index()].table;
        let fits = start
            .checked_add(words.len() as u64)
            .is_some_and(|end| end <= table.len() as u64);
        if !fits {
            return Err(Trap::TableOutOfBounds.into());
        }
        let start = usize::try_from(start).map_err(|_| format_err!("table index too large"))?;
        *escaped |= is_imported && !words.is_empty();
        for (i, &word) in words.iter().enumerate() {
            table.set(start + i, word);
        }
    }
    Ok(())
}

fn active_data(core: &mut StoreCore, id: InstanceId) -> Result<()> {
    let module = Arc::clone(&core.instances[id.index()].module);
    let info = module.info();
    for (index, segment) in &info.data {
        let DataMode::Active { memory, offset } = &segment.mode else {
            continue;
        };
        let start = index_of(evaluate(core, id, offset)?, info.memories[*memory].memory64);
        let bytes = info.data_of(index);
        let memory = core.instances[id.index()].memories[memory.index()];
        let memory = &core.memories[memory.index()].memory;
        let fits = start
            .checked_add(bytes.len() as u64)
            .is_some_and(|end| end <= memory.byte_len() as u64);
        if !fits {
            return Err(Trap::MemoryOutOfBounds.into());
        }
        let start = usize::try_from(start).map_err(|_| format_err!("memory index too large"))?;
        // SAFETY: the range was checked, and a module's bytes are not a memory.
        unsafe {
            let target = memory.base().add(start);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
        }
        core.instances[id.index()].dropped_data[index.index()] = true;
    }
    Ok(())
}

/// The low word, as tables hold references.
fn word_of(bits: u128) -> usize {
    usize::try_from(bits & u128::from(u64::MAX)).expect("targets are 64 bits wide")
}

/// An offset: 32-bit ones are unsigned.
fn index_of(bits: u128, wide: bool) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the type says how wide it is"
    )]
    if wide {
        bits as u64
    } else {
        u64::from(bits as u32)
    }
}

/// Runs a constant expression; the result's bits, zero-extended.
#[expect(
    clippy::cast_possible_truncation,
    reason = "operands are as wide as validation says"
)]
fn evaluate(core: &StoreCore, id: InstanceId, expr: &ConstExpr) -> Result<u128> {
    let mut stack: Vec<u128> = Vec::new();
    for op in &expr.ops {
        let value = match *op {
            ConstOp::I32(v) => u128::from(v as u32),
            ConstOp::I64(v) => u128::from(v as u64),
            ConstOp::F32(bits) => u128::from(bits),
            ConstOp::F64(bits) => u128::from(bits),
            ConstOp::V128(bits) => bits,
            ConstOp::RefNull(_) => 0,
            ConstOp::RefFunc(func) => func_ref(core, id, func).addr().get() as u128,
            ConstOp::GlobalGet(global) => {
                let global = core.instances[id.index()].globals[global.index()];
                let entity = &core.globals[global.index()];
                // SAFETY: the global is live; validation puts it before this one.
                let bits = u128::from_le_bytes(unsafe { entity.vm.read() }.bytes);
                match entity.desc.content {
                    WasmVal::I32 | WasmVal::F32 => u128::from(bits as u32),
                    WasmVal::I64 | WasmVal::F64 | WasmVal::Ref(_) => u128::from(bits as u64),
                    WasmVal::V128 => bits,
                }
            }
            op => {
                let (Some(b), Some(a)) = (stack.pop(), stack.pop()) else {
                    bail!("a constant expression lacks operands");
                };
                let narrow = |f: fn(u32, u32) -> u32| u128::from(f(a as u32, b as u32));
                let wide = |f: fn(u64, u64) -> u64| u128::from(f(a as u64, b as u64));
                match op {
                    ConstOp::I32Add => narrow(u32::wrapping_add),
                    ConstOp::I32Sub => narrow(u32::wrapping_sub),
                    ConstOp::I32Mul => narrow(u32::wrapping_mul),
                    ConstOp::I64Add => wide(u64::wrapping_add),
                    ConstOp::I64Sub => wide(u64::wrapping_sub),
                    ConstOp::I64Mul => wide(u64::wrapping_mul),
                    other => bail!("{other:?} is no binary operator"),
                }
            }
        };
        stack.push(value);
    }
    stack
        .pop()
        .ok_or_else(|| format_err!("a constant expression is empty"))
}
