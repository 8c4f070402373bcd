//! The compiler: names the stages from bytes to artifact and runs them, on all cores if asked to.
//!
//! Must not know how any of the stages does its work.

use super::emit::ClifDir;
use super::environ::{Body, Customs, describe};
use super::generators::Generators;
use super::limits::{Effort, check_frame, effort};
use super::link::{Compiled, Linked, link, slot_offset};
use super::locate::Located;
use super::settings::CompilerSettings;
use super::symbol::Symbol;
use super::trampoline::Trampolines;
use super::translate::{FuncTranslator, Metering, TranslateEnv};
use super::unwind;
use crate::abi::VmctxLayout;
use crate::code::{
    Artifact, CodeTables, FuelSite, FuncLoc, Text, TrampolineCode, TrampolinePlace, Tunables,
};
use crate::entity::PrimaryMap;
use crate::error::{Context as _, Error, Result, bail, format_err};
use crate::wasm::{DefinedFuncIndex, ModuleInfo, WasmFuncType};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::StackSlot;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings::{OptLevel, RegallocAlgorithm};
use cranelift_codegen::{CodegenError, Context};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use wasmparser::{BinaryReaderError, FuncValidatorAllocations, Validator, WasmFeatures};

/// Compiles modules for this machine under fixed settings.
pub(crate) struct Compiler {
    generators: Generators,
    tunables: Tunables,
    features: WasmFeatures,
    asked: WasmFeatures,
    parallel: bool,
    /// Where CLIF is written to.
    clif: Option<ClifDir>,
    keep_dwarf: bool,
}

impl fmt::Debug for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiler")
            .field("codegen", &self.describe())
            .finish_non_exhaustive()
    }
}

impl Compiler {
    /// A compiler for this machine.
    ///
    /// # Errors
    ///
    /// If the machine lacks instructions that compiled code needs; a flag is unknown, has no such value, or is one on
    /// which the runtime relies; or the directory for CLIF cannot be made.
    pub(crate) fn new(settings: &CompilerSettings, tunables: &Tunables) -> Result<Compiler> {
        Ok(Compiler {
            generators: Generators::new(settings, tunables)?,
            tunables: tunables.clone(),
            features: settings.features,
            asked: settings.asked,
            parallel: settings.parallel,
            clif: settings.clif_dir.as_deref().map(ClifDir::new).transpose()?,
            keep_dwarf: settings.keep_dwarf,
        })
    }

    /// Validates a module without compiling it.
    ///
    /// # Errors
    ///
    /// As [`Compiler::compile_module`], as far as validation goes.
    pub(crate) fn validate(&self, wasm: &[u8]) -> Result<()> {
        self.validate_bodies(wasm)
            .map_err(|refusal| self.better_reason(wasm, refusal))
    }

    fn validate_bodies(&self, wasm: &[u8]) -> Result<()> {
        let mut allocations = FuncValidatorAllocations::default();
        for body in describe(wasm, self.features, Customs::default())?.bodies {
            let mut validator = body.validate.into_validator(allocations);
            validator.validate(&body.body)?;
            allocations = validator.into_allocations();
        }
        Ok(())
    }

    /// Validates and compiles a module.
    ///
    /// # Errors
    ///
    /// If the module is malformed, invalid, uses what is not supported, or passes an implementation limit. The message
    /// says what, and where in the binary.
    pub(crate) fn compile_module(&self, wasm: &[u8]) -> Result<Artifact> {
        self.compile(wasm)
            .map_err(|refusal| self.better_reason(wasm, refusal))
    }

    /// A module that uses proposals which are not implemented may be wrong by their rules, too. Then that is the reason
    /// to give: it stays when the proposals come.
    fn better_reason(&self, wasm: &[u8], refusal: Error) -> Error {
        if self.asked == self.features || !refusal.is::<BinaryReaderError>() {
            return refusal;
        }
        match Validator::new_with_features(self.asked).validate_all(wasm) {
            Ok(_) => refusal,
            Err(reason) => reason.into(),
        }
    }

    fn compile(&self, wasm: &[u8]) -> Result<Artifact> {
        let customs = Customs {
            hints: self.tunables.branch_hinting,
            dwarf: self.keep_dwarf,
        };
        let described = describe(wasm, self.features, customs)?;
        let dwarf = described.dwarf;
        let module = described.module;
        let layout = VmctxLayout::new(&module).context(
            "what the module imports and defines exceeds the limit of 1 GiB per instance",
        )?;
        let wasm_offsets = described
            .bodies
            .iter()
            .map(|body| offset_of(body))
            .collect::<Result<Vec<u32>>>()?;

        let isa = self.generators.full()?;
        let env = TranslateEnv {
            isa,
            module: &module,
            layout: &layout,
            tunables: &self.tunables,
        };
        let mut compiled = self.compile_functions(&env, described.bodies)?;
        compiled.extend(self.compile_builtins(&compiled)?);
        let linked = link(isa, &compiled, true)?;
        let frames = unwind::frames(isa, &compiled, &linked)?;

        let tables = tables(&compiled, &linked);
        let mut functions = PrimaryMap::with_capacity(wasm_offsets.len());
        for ((f, &start), wasm_offset) in compiled.iter().zip(&linked.starts).zip(wasm_offsets) {
            functions.push(FuncLoc {
                start,
                len: u32::try_from(f.code.len())?,
                wasm_offset,
                fuel_slot: f.fuel_slot,
            });
        }
        Ok(Artifact {
            module,
            text: Text {
                bytes: linked.text.into(),
                frames: frames.into(),
                file: None,
            },
            functions,
            tables,
            dwarf,
            trampolines: TrampolineCode::default(),
        })
    }

    /// Compiles the trampolines of function types.
    ///
    /// # Errors
    ///
    /// If the code generator refuses a type, or its CLIF cannot be written.
    pub(crate) fn compile_trampolines<'t>(
        &self,
        types: impl IntoIterator<Item = &'t WasmFuncType>,
    ) -> Result<TrampolineCode> {
        let mut worker = Worker::default();
        let isa = self.generators.full()?;
        let mut trampolines = self.trampolines(isa);
        let mut compiled = Vec::new();
        for ty in types {
            trampolines.enter(ty, &mut worker.context.func);
            if let Some(dir) = &self.clif {
                dir.of_type(ty, Symbol::Enter, &worker.context.func)?;
            }
            compiled.push(worker.emit(Symbol::Enter, isa, false)?);
            trampolines.exit(ty, &mut worker.context.func);
            if let Some(dir) = &self.clif {
                dir.of_type(ty, Symbol::Exit, &worker.context.func)?;
            }
            compiled.push(worker.emit(Symbol::Exit, isa, false)?);
        }
        let linked = link(isa, &compiled, false)?;
        let frames = unwind::frames(isa, &compiled, &linked)?;
        Ok(TrampolineCode {
            frames: frames.into(),
            text: linked.text.into(),
            places: linked
                .starts
                .chunks_exact(2)
                .map(|pair| TrampolinePlace {
                    enter: pair[0],
                    exit: pair[1],
                })
                .collect(),
        })
    }

    /// The target.
    ///
    /// # Errors
    ///
    /// If this machine is none that code can be generated for.
    pub(crate) fn triple(&self) -> Result<String> {
        Ok(self.generators.full()?.triple().to_string())
    }

    /// Names the code generator and what decides which code it generates, apart from the extensions.
    pub(crate) fn describe(&self) -> String {
        self.generators.describe()
    }

    /// The instruction-set extensions that generated code may use, separated by commas.
    pub(crate) fn cpu_features(&self) -> String {
        self.generators.extensions()
    }

    /// Validates, translates and compiles every function. The error, if any, is that of the first faulty function in
    /// the module, whatever the number of threads.
    fn compile_functions(
        &self,
        env: &TranslateEnv<'_>,
        bodies: Vec<Body<'_>>,
    ) -> Result<Vec<Compiled>> {
        let first_fault = AtomicUsize::new(usize::MAX);
        let idle = Mutex::new(Vec::new());
        let compile = |body: Body<'_>| -> Option<Result<Compiled>> {
            let index = body.func.as_u32() as usize;
            if index > first_fault.load(Ordering::Relaxed) {
                return None;
            }
            let lock = || idle.lock().unwrap_or_else(PoisonError::into_inner);
            let mut worker: Worker = lock().pop().unwrap_or_default();
            let result = self.compile_function(&mut worker, env, body);
            match result {
                Ok(_) => lock().push(worker),
                Err(_) => {
                    first_fault.fetch_min(index, Ordering::Relaxed);
                }
            }
            Some(result)
        };
        let results: Vec<_> = if self.parallel && bodies.len() > 1 {
            bodies
                .into_par_iter()
                .with_max_len(64)
                .map(compile)
                .collect()
        } else {
            bodies.into_iter().map(compile).collect()
        };
        // Only functions behind a faulty one have been left out.
        results.into_iter().flatten().collect()
    }

    fn compile_function(
        &self,
        worker: &mut Worker,
        env: &TranslateEnv<'_>,
        body: Body<'_>,
    ) -> Result<Compiled> {
        let name = |error: Error| name_function(env.module, body.func, &error);
        let mut validator = body
            .validate
            .into_validator(std::mem::take(&mut worker.validation));
        worker.context.clear();
        let metering = worker.translator.translate(
            env,
            body.func,
            body.body,
            &body.hints,
            &mut validator,
            &mut worker.context.func,
        )?;
        worker.validation = validator.into_allocations();
        if let Some(dir) = &self.clif {
            dir.of_function(env.module, body.func, &worker.context.func)?;
        }
        let isa = match effort(&worker.context.func, one_pass(env.isa)).map_err(name)? {
            Effort::Full => env.isa,
            Effort::Linear => self.generators.linear()?,
        };
        let symbol = Symbol::Func(body.func);
        let addresses = self.tunables.generate_address_map;
        let compiled = match metering.slot {
            Some(slot) => worker.emit_metered(symbol, isa, addresses, slot, &metering),
            None => worker.emit(symbol, isa, addresses),
        }
        .map_err(name)?;
        if !self.tunables.signals_based_traps {
            check_frame(compiled.frame).map_err(name)?;
        }
        Ok(compiled)
    }

    /// Compiles the trampolines of those builtins and traps that the functions call.
    fn compile_builtins(&self, functions: &[Compiled]) -> Result<Vec<Compiled>> {
        let used: BTreeSet<Symbol> = functions
            .iter()
            .flat_map(|f| &f.calls)
            .map(|call| call.target)
            .filter(|target| matches!(target, Symbol::Builtin(_) | Symbol::Raise(_)))
            .collect();
        let mut worker = Worker::default();
        let isa = self.generators.full()?;
        let mut trampolines = self.trampolines(isa);
        used.into_iter()
            .map(|symbol| {
                match symbol {
                    Symbol::Raise(code) => trampolines.raise(code, &mut worker.context.func),
                    Symbol::Builtin(builtin) => {
                        trampolines.builtin(builtin, &mut worker.context.func)
                    }
                    _ => bail!("{symbol:?} has no trampoline"),
                }
                if let Some(dir) = &self.clif {
                    dir.of_module(symbol, &worker.context.func)?;
                }
                worker.emit(symbol, isa, false)
            })
            .collect()
    }

    fn trampolines(&self, isa: &dyn TargetIsa) -> Trampolines {
        Trampolines::new(isa.frontend_config(), self.tunables.consume_fuel)
    }
}

/// Whether it allocates registers in one pass.
fn one_pass(isa: &dyn TargetIsa) -> bool {
    isa.flags().regalloc_algorithm() == RegallocAlgorithm::SinglePass
}

/// What a thread reuses from function to function.
struct Worker {
    context: Context,
    /// The register allocator's, for [`Worker::emit_metered`].
    allocation: regalloc2::Ctx,
    translator: FuncTranslator,
    validation: FuncValidatorAllocations,
}

impl Default for Worker {
    fn default() -> Self {
        Worker {
            context: Context::new(),
            allocation: regalloc2::Ctx::default(),
            translator: FuncTranslator::new(),
            validation: FuncValidatorAllocations::default(),
        }
    }
}

impl Worker {
    /// Compiles the CLIF in the context.
    fn emit(&mut self, symbol: Symbol, isa: &dyn TargetIsa, addresses: bool) -> Result<Compiled> {
        let context = &mut self.context;
        context
            .compile(isa, &mut ControlPlane::default())
            .map_err(|error| codegen_error(&error.inner))?;
        let compiled = context
            .take_compiled_code()
            .context("the code generator made no code")?;
        let result = Compiled::new(symbol, &context.func, &compiled, isa, addresses);
        context.clear();
        result
    }

    /// Compiles the CLIF of a function that counts fuel: the stages are those of `Context::compile`, with a look at the
    /// count between them.
    fn emit_metered(
        &mut self,
        symbol: Symbol,
        isa: &dyn TargetIsa,
        addresses: bool,
        slot: StackSlot,
        metering: &Metering,
    ) -> Result<Compiled> {
        let context = &mut self.context;
        let mut control = ControlPlane::default();
        let mut located = Located::default();
        let mut optimise = || {
            if isa.flags().enable_nan_canonicalization() {
                context.canonicalize_nans(isa)?;
            }
            context.verify_if(isa)?;
            context.compute_cfg();
            context.compute_domtree();
            context.eliminate_unreachable_code(isa)?;
            context.remove_constant_phis(isa)?;
            located = Located::before(&context.func, metering);
            context.func.dfg.resolve_all_aliases();
            if isa.flags().opt_level() != OptLevel::None {
                context.egraph_pass(isa, &mut control)?;
                located.chain(&mut context.func, &context.domtree);
                located.place(&mut context.func);
            }
            Ok(())
        };
        optimise().map_err(|error| codegen_error(&error))?;
        let one_pass = one_pass(isa);
        located.store(&mut context.func, slot, |func, block, _| {
            one_pass || func.is_effectively_cold(block)
        });
        located.label(&mut context.func);
        loop {
            let stencil = isa
                .compile_function(
                    &context.func,
                    &context.domtree,
                    &mut self.allocation,
                    false,
                    &mut control,
                )
                .map_err(|error| codegen_error(&error))?;
            let compiled = stencil.apply_params(&context.func.params);
            let fuel_slot = slot_offset(&compiled, slot).context("the frame has no layout")?;
            match located.table(&context.func.signature, &compiled, fuel_slot) {
                Ok(fuel) => {
                    let mut result =
                        Compiled::new(symbol, &context.func, &compiled, isa, addresses)?;
                    result.fuel_slot = fuel_slot;
                    result.fuel = fuel;
                    context.clear();
                    return Ok(result);
                }
                // What is stored, or has no access any more, is not lost again.
                Err(lost) => {
                    located.store(&mut context.func, slot, |_, _, at| lost.contains(&at));
                    located.stored.extend(lost);
                }
            }
        }
    }
}

fn codegen_error(error: &CodegenError) -> Error {
    match error {
        CodegenError::ImplLimitExceeded => {
            format_err!("it exceeds an implementation limit of the code generator")
        }
        CodegenError::CodeTooLarge => {
            format_err!("its machine code exceeds the size limit of the code generator")
        }
        error => format_err!("the code generator failed: {error}"),
    }
}

fn name_function(module: &ModuleInfo, func: DefinedFuncIndex, error: &Error) -> Error {
    let func = module.func_index(func);
    match module.func_name(func) {
        Some(name) => format_err!(
            "function {} ({name}) cannot be compiled: {error}",
            func.as_u32()
        ),
        None => format_err!("function {} cannot be compiled: {error}", func.as_u32()),
    }
}

fn offset_of(body: &Body<'_>) -> Result<u32> {
    u32::try_from(body.body.range().start)
        .ok()
        .context("the module exceeds the size limit of 4 GiB")
}

/// The tables of all functions, moved to where the linker put them. Trampolines have none.
fn tables(compiled: &[Compiled], linked: &Linked) -> CodeTables {
    let (mut traps, mut addresses, mut fuel) = (Vec::new(), Vec::new(), Vec::new());
    for (f, &start) in compiled.iter().zip(&linked.starts) {
        if matches!(f.symbol, Symbol::Func(_)) {
            traps.extend(f.traps.iter().map(|&(offset, code)| (start + offset, code)));
            fuel.extend(f.fuel.iter().map(|site| FuelSite {
                offset: start + site.offset,
                ..*site
            }));
        }
        // Trampolines belong to no operator, and to none of the function before them. An entry says something new.
        let none = [(0, u32::MAX)];
        let own = match f.symbol {
            Symbol::Func(_) => &f.addresses[..],
            _ if addresses.is_empty() => &[],
            _ => &none,
        };
        for &(offset, loc) in own {
            match addresses.last() {
                Some(&(_, last)) if last == loc => {}
                _ => addresses.push((start + offset, loc)),
            }
        }
    }
    CodeTables::new(&traps, &addresses, &fuel)
}
