//! A run of a case in wasmi, an interpreter with another interface: the host, the values and what is looked at are those
//! of `twice/`, said in its words. Its fuel is its own, so none is reported.

use super::runtime::errors::{ErrorKind, HostError, InstantiationError};
use super::runtime::{
    AsContext, AsContextMut, Caller, Config, Engine, Error, Extern, ExternRef, ExternType, F32,
    F64, Func, FuncType, Global, Instance, Memory, Module, Nullable, Store, StoreLimits,
    StoreLimitsBuilder, Table, TrapCode, V128, Val, ValType, empty, value, zero,
};
use crate::campaign::{Kind, Names};
use crate::case::Case;
use crate::observe::{Call, Ending, Observed, Value};
use crate::rng::Rng;
use crc32fast::Hasher;
use std::fmt;

/// Units of its own for one of the case's.
const UNITS: u64 = 40;
/// Deeper than calls can get with the case's fuel.
const DEPTH: usize = 20_000;

/// What a store holds: the part of `twice/host.rs` that cases without programs need.
struct State {
    limits: StoreLimits,
    seed: u64,
    fail_at: Option<u64>,
    reenters: bool,
    nested: bool,
    calls: u64,
    log: Hasher,
}

#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HostError for Refused {}

pub(crate) fn engine() -> Engine {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .wasm_multi_memory(true)
        .wasm_custom_page_sizes(true)
        .wasm_wide_arithmetic(true)
        .set_max_recursion_depth(DEPTH)
        .set_max_stack_height(16 << 20);
    Engine::new(&config)
}

/// The module, or why there is none.
pub(crate) fn compile(engine: &Engine, wasm: &[u8]) -> Result<Module, String> {
    Module::new(engine, wasm).map_err(|error| error.to_string())
}

/// Runs a case. Imports and exports are taken in the module's order: wasmi tells them in orders of its own.
pub(crate) fn observe(module: &Module, case: &Case, names: &Names) -> Observed {
    let state = State {
        limits: StoreLimitsBuilder::new()
            .memory_size(16 << 20)
            .table_elements(20_000)
            .build(),
        seed: case.seed,
        fail_at: case.fail_at,
        reenters: case.reenters,
        nested: false,
        calls: 0,
        log: Hasher::new(),
    };
    let mut store = Store::new(module.engine(), state);
    store.limiter(|state| &mut state.limits);
    let mut run = Run {
        store,
        case,
        seen: Observed::default(),
    };
    run.all(module, names);
    run.seen
}

struct Run<'a> {
    store: Store<State>,
    case: &'a Case,
    seen: Observed,
}

impl Run<'_> {
    fn refuel(&mut self) {
        let fuel = self.case.fuel.saturating_mul(UNITS);
        self.store.set_fuel(fuel).expect("fuel is counted");
    }

    fn all(&mut self, module: &Module, names: &Names) {
        self.refuel();
        let mut externs = match imports(&mut self.store, module, &names.imports) {
            Ok(imports) => imports,
            Err(error) => {
                self.ended("imports", Ending::Failed(error.to_string()));
                return;
            }
        };
        let mut sorted = externs.clone();
        sorted.sort_by_key(rank);
        match Instance::new(&mut self.store, module, &sorted) {
            Ok(instance) => {
                self.ended("instantiate", Ending::Returned(Vec::new()));
                let exports: Vec<_> = (names.exports)
                    .iter()
                    .map(|name| {
                        let export = instance.get_export(&self.store, name);
                        (name.as_str(), export.expect("an export of the module"))
                    })
                    .collect();
                self.calls(&exports);
                externs.extend(exports.into_iter().map(|(_, export)| export));
            }
            Err(error) => self.ended("instantiate", ending(&error)),
        }
        self.look(externs);
    }

    fn calls(&mut self, exports: &[(&str, Extern)]) {
        let mut rng = Rng::new(self.case.seed ^ 0xca11);
        for _ in 0..self.case.rounds {
            for (name, export) in exports {
                let Extern::Func(func) = export else { continue };
                self.refuel();
                let ty = func.ty(&self.store);
                let params: Vec<_> = ty
                    .params()
                    .iter()
                    .map(|ty| any(&mut self.store, *ty, &mut rng))
                    .collect();
                let mut results: Vec<_> = ty.results().iter().map(|ty| zero(*ty)).collect();
                let outcome = func.call(&mut self.store, &params, &mut results);
                let ending = match outcome {
                    Ok(()) => {
                        Ending::Returned(results.iter().map(|v| told(&self.store, v)).collect())
                    }
                    Err(error) => ending(&error),
                };
                self.ended(name, ending);
            }
        }
    }

    fn ended(&mut self, name: &str, ending: Ending) {
        let state = self.store.data_mut();
        state.nested = false;
        self.seen.calls.push(Call {
            name: name.to_owned(),
            ending,
            in_bulk: false,
            fuel: None,
            host_calls: state.calls,
            host_log: state.log.clone().finalize(),
            host_fuel: None,
        });
    }

    fn look(&mut self, externs: Vec<Extern>) {
        for external in externs {
            match external {
                Extern::Memory(memory) => {
                    let bytes = memory.data(&self.store);
                    let sum = crc32fast::hash(bytes);
                    self.seen.memories.push((bytes.len() as u64, sum));
                }
                Extern::Global(global) => {
                    let value = global.get(&self.store);
                    self.seen.globals.push(told(&self.store, &value));
                }
                Extern::Table(table) => {
                    let size = table.size(&self.store);
                    let mut sum = Hasher::new();
                    for index in 0..size {
                        let element = table.get(&self.store, index).expect("in bounds");
                        sum.update(&told(&self.store, &value(element)).to_bytes());
                    }
                    self.seen.tables.push((size, sum.finalize()));
                }
                Extern::Func(_) => {}
            }
        }
    }
}

/// What an error is, by the names that the others have for traps.
fn ending(error: &Error) -> Ending {
    if let Some(Refused(text)) = error.downcast_ref() {
        return Ending::HostError(text.clone());
    }
    let code = error.as_trap_code().or(match error.kind() {
        ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
            Some(TrapCode::TableOutOfBounds)
        }
        _ => None,
    });
    let code = code.map(|code| format!("{code:?}"));
    match code.as_deref() {
        // A limit of the store's, in the others' words no trap but an error.
        None | Some("GrowthOperationLimited" | "OutOfSystemMemory") => {
            Ending::Failed(error.to_string())
        }
        Some(code) => Ending::Trapped(code.to_owned()),
    }
}

fn told(store: impl AsContext, value: &Val) -> Value {
    match value {
        Val::I32(x) => Value::I32(*x),
        Val::I64(x) => Value::I64(*x),
        Val::F32(x) => Value::F32(x.to_bits()),
        Val::F64(x) => Value::F64(x.to_bits()),
        Val::V128(x) => Value::V128(x.as_u128()),
        Val::FuncRef(Nullable::Null) | Val::ExternRef(Nullable::Null) => Value::Null,
        Val::FuncRef(Nullable::Val(_)) => Value::Func,
        Val::ExternRef(Nullable::Val(reference)) => {
            let number = reference.data(store.as_context()).downcast_ref();
            Value::Extern(*number.expect("a reference that this host made"))
        }
    }
}

/// As `any` of `twice/values.rs`: the same for the same numbers.
fn any(store: impl AsContextMut, ty: ValType, rng: &mut Rng) -> Val {
    match ty {
        ValType::I32 => Val::I32(rng.half_word()),
        ValType::I64 => Val::I64(rng.word().cast_signed()),
        ValType::F32 => Val::F32(F32::from_bits(rng.f32_bits())),
        ValType::F64 => Val::F64(F64::from_bits(rng.f64_bits())),
        ValType::V128 => Val::V128(V128::from(rng.vector_bits())),
        ValType::ExternRef if rng.chance(3, 4) => {
            Val::ExternRef(Nullable::Val(ExternRef::new(store, rng.word())))
        }
        ValType::ExternRef => Val::ExternRef(Nullable::Null),
        ValType::FuncRef => Val::FuncRef(Nullable::Null),
    }
}

/// As `answer` of `twice/host.rs`.
fn answer(
    caller: &mut Caller<'_, State>,
    index: usize,
    ty: &FuncType,
    params: &[Val],
    results: &mut [Val],
) -> Result<Option<Func>, Error> {
    let state = caller.data_mut();
    state.calls += 1;
    state.log.update(&index.to_le_bytes());
    let mut rng = Rng::new(state.seed ^ state.calls.wrapping_mul(0xd6e8_feb8_6659_fd93));
    for param in params {
        let bytes = told(&*caller, param).to_bytes();
        caller.data_mut().log.update(&bytes);
    }
    let state = caller.data();
    if state.fail_at == Some(state.calls) {
        let text = format!("refused in call {}", state.calls);
        return Err(Error::host(Refused(text)));
    }
    let references = params.iter().find(|p| matches!(p, Val::ExternRef(_)));
    for (ty, result) in ty.results().iter().zip(results) {
        *result = match references {
            Some(given) if *ty == ValType::ExternRef && rng.chance(1, 2) => given.clone(),
            _ => any(&mut *caller, *ty, &mut rng),
        };
    }
    touch_memory(caller, &mut rng);
    let state = caller.data();
    if state.reenters && !state.nested && state.calls.is_multiple_of(3) {
        return Ok(caller.get_export("reenter").and_then(Extern::into_func));
    }
    Ok(None)
}

fn touch_memory(caller: &mut Caller<'_, State>, rng: &mut Rng) {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return;
    };
    let bytes = memory.data_mut(&mut *caller);
    if bytes.len() < 4096 {
        return;
    }
    let at = rng.below(4096) as usize;
    let seen = bytes[at];
    bytes[at] = seen.wrapping_mul(3).wrapping_add(1);
    caller.data_mut().log.update(&[seen]);
}

fn function(store: &mut Store<State>, ty: FuncType, index: usize) -> Func {
    let types = ty.clone();
    Func::new(store, ty, move |mut caller, params, results| {
        if let Some(back) = answer(&mut caller, index, &types, params, results)? {
            caller.data_mut().nested = true;
            let outcome = back.call(&mut caller, &[], &mut []);
            caller.data_mut().nested = false;
            outcome?;
        }
        Ok(())
    })
}

/// The order in which wasmi wants imports; among those of a kind it is the module's.
fn rank(external: &Extern) -> Kind {
    match external {
        Extern::Func(_) => Kind::Func,
        Extern::Table(_) => Kind::Table,
        Extern::Memory(_) => Kind::Memory,
        Extern::Global(_) => Kind::Global,
    }
}

fn imports(
    store: &mut Store<State>,
    module: &Module,
    kinds: &[Kind],
) -> Result<Vec<Extern>, Error> {
    let types: Vec<_> = module.imports().map(|import| import.ty().clone()).collect();
    let of = |ty: &ExternType| match ty {
        ExternType::Func(_) => Kind::Func,
        ExternType::Table(_) => Kind::Table,
        ExternType::Memory(_) => Kind::Memory,
        ExternType::Global(_) => Kind::Global,
    };
    let mut rng = Rng::new(store.data().seed ^ 0x1a2b);
    let mut made = Vec::<Extern>::new();
    for (index, kind) in kinds.iter().enumerate() {
        let before = made.iter().filter(|one| rank(one) == *kind).count();
        let ty = types.iter().filter(|ty| of(ty) == *kind).nth(before);
        made.push(match ty.expect("as many of each kind as the module has") {
            ExternType::Func(ty) => Extern::Func(function(store, ty.clone(), index)),
            ExternType::Global(ty) => {
                let value = any(&mut *store, ty.content(), &mut rng);
                Extern::Global(Global::new(&mut *store, value, ty.mutability()))
            }
            ExternType::Memory(ty) => Extern::Memory(Memory::new(&mut *store, *ty)?),
            ExternType::Table(ty) => Extern::Table(Table::new(&mut *store, *ty, empty(*ty))?),
        });
    }
    Ok(made)
}
