//! From one function body to CLIF: validation and translation in one pass over the operators.
//!
//! [`FuncTranslator`] owns the buffers that are reused from function to function; [`Body`] is the state of one walk.
//! `operator` below sends each operator to its family: `control`, `call`, `memory`, `table`, `global`, `numeric`.
//! `interrupt` counts fuel and watches the epoch, `trap` is the only place that emits traps, `limit` bounds what a
//! hostile body may cost.
//!
//! Nothing here recurses over nesting, and operators that cannot be reached are validated but not translated. This
//! folder must not know how CLIF becomes machine code, nor what the runtime does behind a builtin.

mod call;
mod control;
mod global;
mod interrupt;
mod limit;
mod memory;
mod numeric;
mod simd;
mod stack;
mod table;
#[cfg(test)]
mod tests;
mod trap;

use super::environ::BranchHints;
use super::signature::{POINTER, builtin_signature, cold_signature, value_type, wasm_signature};
use super::symbol::Symbol;
use crate::abi::builtins::{Builtin, Heat};
use crate::abi::{VmContext, VmStore, VmctxLayout};
use crate::code::Tunables;
use crate::entity::EntityRef;
use crate::wasm::{DefinedFuncIndex, FuncIndex, ModuleInfo, Trap, TypeIndex};
use cranelift_codegen::ir::{
    AliasRegion, AliasRegionData, ArgumentPurpose, ExtFuncData, ExternalName, FuncRef, Function,
    GlobalValue, GlobalValueData, InstBuilder, MemFlagsData, SigRef, SourceLoc, Type, Value, types,
};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use interrupt::Fuel;
pub(super) use interrupt::{FaultSite, Metering};
use limit::Budget;
use stack::Stacks;
use std::borrow::Cow;
use std::collections::HashMap;
pub(super) use trap::{Marked, clif_code};
use wasmparser::{
    AbstractHeapType, FuncValidator, FunctionBody, HeapType, Operator, OperatorsReader, ValType,
    ValidatorResources,
};

/// What every function of a module is translated against.
pub(crate) struct TranslateEnv<'a> {
    pub(crate) isa: &'a dyn TargetIsa,
    pub(crate) module: &'a ModuleInfo,
    pub(crate) layout: &'a VmctxLayout,
    pub(crate) tunables: &'a Tunables,
}

/// Which parameter of a function is the count of fuel, where there is one; the wasm parameters follow.
const FUEL_PARAM: usize = 2;

/// Translates functions, one after another, reusing its buffers.
pub(crate) struct FuncTranslator {
    builder: FunctionBuilderContext,
    stacks: Stacks,
    imports: Imports,
}

impl FuncTranslator {
    pub(crate) fn new() -> Self {
        FuncTranslator {
            builder: FunctionBuilderContext::new(),
            stacks: Stacks::default(),
            imports: Imports::default(),
        }
    }

    /// Fills `out` (already cleared) with the CLIF of one defined function, and tells what must be known of its fuel.
    ///
    /// # Errors
    ///
    /// If the body is not valid, uses an operator that is not supported, or exceeds a limit of this implementation.
    pub(crate) fn translate(
        &mut self,
        env: &TranslateEnv<'_>,
        func: DefinedFuncIndex,
        body: FunctionBody<'_>,
        hints: &BranchHints,
        validator: &mut FuncValidator<ValidatorResources>,
        out: &mut Function,
    ) -> crate::Result<Metering> {
        self.stacks.clear();
        self.imports.clear();
        out.name = Symbol::Func(func).to_func_name();
        out.signature = wasm_signature(
            env.module.func_type(env.module.func_index(func)),
            env.tunables.consume_fuel,
        );
        out.signature.params[0].purpose = ArgumentPurpose::VMContext;
        if env.tunables.signals_based_traps {
            out.stack_limit = Some(stack_limit(out));
        }

        let builder = FunctionBuilder::new(out, &mut self.builder);
        let hinted = Hinted {
            start: body.range().start,
            hints,
        };
        let mut walk = Body::new(env, builder, hinted, &mut self.stacks, &mut self.imports);
        let result = walk.run(func, body, validator);
        if let Err(error) = result {
            // A builder that was not finalised leaves its buffers dirty.
            self.builder = FunctionBuilderContext::new();
            return Err(error);
        }
        let metering = walk.fuel.take().map(Fuel::finish).unwrap_or_default();
        walk.builder.finalize(env.isa.frontend_config());
        Ok(metering)
    }
}

/// `vmctx -> store -> stack limit`, for the check that Cranelift puts into the prologue.
fn stack_limit(out: &mut Function) -> GlobalValue {
    let constant = MemFlagsData::trusted().with_readonly().with_can_move();
    let mut base = out.create_global_value(GlobalValueData::VMContext);
    for (offset, flags) in [
        (VmContext::OFFSET_STORE, constant),
        (VmStore::OFFSET_STACK_LIMIT, MemFlagsData::trusted()),
    ] {
        let flags = out.dfg.mem_flags.insert(flags).expect("room for two");
        base = out.create_global_value(GlobalValueData::Load {
            base,
            offset: at(offset).into(),
            global_type: POINTER,
            flags,
        });
    }
    base
}

/// A layout's offset as an instruction wants it. `VmctxLayout` stays below 1 GiB.
fn at(offset: u32) -> i32 {
    i32::try_from(offset).expect("offsets into a VMContext are below 1 GiB")
}

/// What a function already calls, so that each callee and signature is declared once.
#[derive(Default)]
struct Imports {
    funcs: HashMap<DefinedFuncIndex, FuncRef>,
    sigs: HashMap<TypeIndex, SigRef>,
    trampolines: HashMap<Symbol, FuncRef>,
    /// What all cold trampolines have.
    cold: Option<SigRef>,
}

impl Imports {
    fn clear(&mut self) {
        self.funcs.clear();
        self.sigs.clear();
        self.trampolines.clear();
        self.cold = None;
    }
}

/// Classes of memory that never overlap, for alias analysis.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Region {
    /// Bytes of linear memories.
    Heap,
    /// Elements of tables.
    Elements,
    /// Values of globals.
    Globals,
    /// Base and length of memories and tables.
    Bounds,
    /// Fields of the store.
    Store,
}

impl Region {
    const ALL: [(Region, &'static str); 5] = [
        (Region::Heap, "heap"),
        (Region::Elements, "elements"),
        (Region::Globals, "globals"),
        (Region::Bounds, "bounds"),
        (Region::Store, "store"),
    ];
}

/// Where a body starts, and what is hinted of branches by their distance from there.
struct Hinted<'f> {
    start: u64,
    hints: &'f BranchHints,
}

/// One walk over one body.
struct Body<'a, 'f> {
    env: &'a TranslateEnv<'a>,
    builder: FunctionBuilder<'f>,
    stacks: &'f mut Stacks,
    imports: &'f mut Imports,
    regions: [AliasRegion; Region::ALL.len()],
    /// The callee context, first parameter of every function.
    vmctx: Value,
    fuel: Option<Fuel>,
    budget: Budget,
    hinted: Hinted<'f>,
    /// Byte offset of the operator that is translated.
    position: u32,
}

impl<'a, 'f> Body<'a, 'f> {
    fn new(
        env: &'a TranslateEnv<'a>,
        mut builder: FunctionBuilder<'f>,
        hinted: Hinted<'f>,
        stacks: &'f mut Stacks,
        imports: &'f mut Imports,
    ) -> Self {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        builder.ensure_inserted_block();
        let vmctx = builder.block_params(entry)[0];
        let regions = Region::ALL.map(|(region, name)| {
            builder.func.dfg.alias_regions.insert(AliasRegionData {
                user_id: region as u32,
                description: Cow::Borrowed(name),
            })
        });
        Body {
            env,
            builder,
            stacks,
            imports,
            regions,
            vmctx,
            fuel: None,
            budget: Budget::default(),
            hinted,
            position: 0,
        }
    }

    /// The whole walk: parameters, locals, operators, return.
    fn run(
        &mut self,
        func: DefinedFuncIndex,
        body: FunctionBody<'_>,
        validator: &mut FuncValidator<ValidatorResources>,
    ) -> crate::Result<()> {
        let mut locals = body.get_locals_reader()?;
        self.set_position(locals.original_position())?;
        self.declare_params();
        for _ in 0..locals.get_count() {
            let offset = locals.original_position();
            let (count, ty) = locals.read()?;
            validator.define_locals(offset, count, ty)?;
            self.declare_locals(count, ty)?;
        }
        let module = self.env.module;
        let results = &module.func_type(module.func_index(func)).results;
        self.begin_function(results);
        self.declare_fuel(&body);
        self.check_stack();
        self.charge_entry();
        self.check_interrupts();

        let mut reader = OperatorsReader::new(locals.get_binary_reader());
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            validator.op(offset, &op)?;
            self.set_position(offset)?;
            self.next_operator();
            if self.stacks.reachable {
                self.fuel_before(&op);
                self.operator(&op)?;
            } else {
                self.skip_operator(&op)?;
            }
            self.budget.check(&self.builder.func.dfg)?;
        }
        reader.finish()?;
        self.finish_function();
        self.check_plan()
    }

    /// Gives what follows the byte offset of its operator.
    fn set_position(&mut self, offset: u64) -> crate::Result<()> {
        let Ok(offset) = u32::try_from(offset) else {
            return Err(limit::too_large("code beyond 4 GiB of the module"));
        };
        self.position = offset;
        self.builder.set_srcloc(SourceLoc::new(offset));
        Ok(())
    }

    /// The first locals are the parameters.
    fn declare_params(&mut self) {
        let entry = self
            .builder
            .func
            .layout
            .entry_block()
            .expect("was made first");
        let first = if self.env.tunables.consume_fuel {
            FUEL_PARAM + 1
        } else {
            FUEL_PARAM
        };
        for i in first..self.builder.block_params(entry).len() {
            let value = self.builder.block_params(entry)[i];
            let ty = self.builder.func.dfg.value_type(value);
            let var = self.builder.declare_var(ty);
            self.builder.def_var(var, value);
        }
    }

    /// Declares zeroed locals.
    fn declare_locals(&mut self, count: u32, ty: ValType) -> crate::Result<()> {
        let ty = clif_type(ty)?;
        let zero = self.zero(ty);
        for _ in 0..count {
            let var = self.builder.declare_var(ty);
            self.builder.def_var(var, zero);
        }
        Ok(())
    }

    /// The zero (or null) of a type.
    fn zero(&mut self, ty: Type) -> Value {
        match ty {
            types::F32 => self.builder.ins().f32const(0.0),
            types::F64 => self.builder.ins().f64const(0.0),
            simd::VECTOR => self.vector_const(ty, [0; 16]),
            _ => self.builder.ins().iconst(ty, 0),
        }
    }

    /// Translates one reachable operator.
    fn operator(&mut self, op: &Operator<'_>) -> crate::Result<()> {
        match op {
            Operator::Nop => {}
            Operator::Drop => {
                self.pop();
            }
            Operator::Select | Operator::TypedSelect { .. } => {
                let condition = self.pop();
                let (yes, no) = self.pop2();
                let value = self.builder.ins().select(condition, yes, no);
                self.push(value);
            }
            Operator::LocalGet { local_index } => {
                let local = self.local(*local_index)?;
                let value = self.builder.use_var(local);
                self.push(value);
            }
            Operator::LocalSet { local_index } => {
                let local = self.local(*local_index)?;
                let value = self.pop();
                self.builder.def_var(local, value);
            }
            Operator::LocalTee { local_index } => {
                let local = self.local(*local_index)?;
                let value = self.peek();
                self.builder.def_var(local, value);
            }
            Operator::RefNull { hty } => {
                let ty = heap_type(*hty)?;
                let null = self.zero(ty);
                self.push(null);
            }
            Operator::RefIsNull => {
                let value = self.pop();
                let null = self.builder.ins().icmp_imm_u(
                    cranelift_codegen::ir::condcodes::IntCC::Equal,
                    value,
                    0,
                );
                let null = self.builder.ins().uextend(types::I32, null);
                self.push(null);
            }
            Operator::RefFunc { function_index } => {
                let value = self.ref_func(FuncIndex::from_u32(*function_index))?;
                self.push(value);
            }
            Operator::Unreachable => self.trap(Trap::UnreachableCodeReached),
            _ => {
                let known = self.control_operator(op)?
                    || self.call_operator(op)?
                    || self.global_operator(op)
                    || self.numeric_operator(op)
                    || self.memory_operator(op)?
                    || self.table_operator(op)?
                    || self.simd_operator(op)?;
                if !known {
                    return Err(unsupported(op));
                }
            }
        }
        Ok(())
    }

    fn local(&mut self, index: u32) -> crate::Result<Variable> {
        self.budget.use_local(index, &self.builder.func.dfg)?;
        Ok(Variable::from_u32(index))
    }

    /// Flags of an access to a field that machine code or the runtime writes.
    fn flags(&self, region: Region) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(Some(self.regions[region as usize]))
    }

    /// Loads a word that never changes while the instance lives.
    fn load_constant(&mut self, base: Value, offset: u32) -> Value {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.builder.ins().load(POINTER, flags, base, at(offset))
    }

    /// The address of the store's part that machine code knows.
    fn store_ptr(&mut self) -> Value {
        self.load_constant(self.vmctx, VmContext::OFFSET_STORE)
    }

    /// The trampoline of a builtin or trap.
    fn trampoline(&mut self, symbol: Symbol) -> FuncRef {
        let func = &mut self.builder.func;
        *self.imports.trampolines.entry(symbol).or_insert_with(|| {
            let signature = match symbol {
                Symbol::Builtin(builtin) if builtin.heat() == Heat::Warm => {
                    func.import_signature(builtin_signature(builtin))
                }
                _ => *self
                    .imports
                    .cold
                    .get_or_insert_with(|| func.import_signature(cold_signature())),
            };
            let name = func.declare_imported_user_function(symbol.to_external());
            func.import_function(ExtFuncData {
                name: ExternalName::user(name),
                signature,
                colocated: true,
                patchable: false,
            })
        })
    }

    /// Calls a warm builtin; `args` follow the context.
    fn call_builtin(&mut self, builtin: Builtin, args: &[Value]) -> Option<Value> {
        let callee = self.trampoline(Symbol::Builtin(builtin));
        let mut all = smallvec::SmallVec::<[Value; 8]>::new();
        all.push(self.vmctx);
        all.extend_from_slice(args);
        let call = self.builder.ins().call(callee, &all);
        self.builder.inst_results(call).first().copied()
    }

    /// An integer constant of 32 bits.
    fn i32_const(&mut self, bits: u32) -> Value {
        self.builder.ins().iconst(types::I32, i64::from(bits))
    }

    /// The value of an integer constant, zero-extended to 64 bits.
    fn as_constant(&self, value: Value) -> Option<u64> {
        use cranelift_codegen::ir::{InstructionData, Opcode};
        let dfg = &self.builder.func.dfg;
        let inst = dfg.value_def(value).inst()?;
        let InstructionData::UnaryImm {
            opcode: Opcode::Iconst,
            imm,
        } = dfg.insts[inst]
        else {
            return None;
        };
        let bits = imm.bits().cast_unsigned();
        Some(match dfg.value_type(value) {
            types::I64 => bits,
            ty => bits & ((1 << ty.bits()) - 1),
        })
    }

    /// Widens an index of a memory or table to 64 bits.
    fn widen(&mut self, index: Value, is_64: bool) -> Value {
        if is_64 {
            index
        } else {
            self.builder.ins().uextend(types::I64, index)
        }
    }

    /// Narrows a 64-bit size to the index type; -1 stays -1.
    fn narrow(&mut self, size: Value, is_64: bool) -> Value {
        if is_64 {
            size
        } else {
            self.builder.ins().ireduce(types::I32, size)
        }
    }
}

/// The CLIF type of a value type.
fn clif_type(ty: ValType) -> crate::Result<Type> {
    Ok(match ty {
        ValType::I32 => types::I32,
        ValType::I64 => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => simd::VECTOR,
        ValType::Ref(ty) => heap_type(ty.heap_type())?,
    })
}

/// The CLIF type of references to a heap type.
fn heap_type(ty: HeapType) -> crate::Result<Type> {
    match ty {
        HeapType::Abstract { shared: false, ty } => match ty {
            AbstractHeapType::Func | AbstractHeapType::NoFunc => Ok(POINTER),
            AbstractHeapType::Extern | AbstractHeapType::NoExtern => Ok(types::I32),
            _ => Err(not_supported(&format_args!("the heap type {ty:?}"))),
        },
        _ => Err(not_supported(&format_args!("the heap type {ty:?}"))),
    }
}

fn not_supported(what: &dyn std::fmt::Display) -> crate::Error {
    crate::Error::msg(format!("{what} is not supported"))
}

/// The error for an operator that validation lets through and translation does not know.
#[cold]
fn unsupported(op: &Operator<'_>) -> crate::Error {
    macro_rules! name {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            match op {
                $(Operator::$op $({ $($arg: _),* })? => (stringify!($op), stringify!($proposal)),)*
                _ => ("of an unknown kind", "unknown"),
            }
        };
    }
    let (name, proposal) = wasmparser::for_each_operator!(name);
    not_supported(&format_args!(
        "the operator {name} of the {proposal} proposal"
    ))
}

/// An operator's immediate as a typed index.
fn index_of<T: EntityRef>(index: u32) -> T {
    T::new(index as usize)
}
