//! Engines by their settings, and a run of a case in a mode.

use super::host::{self, State};
use super::runtime::{
    Config, Engine, Error, Extern, Func, Instance, Module, OptLevel, RegallocAlgorithm, Result,
    Store, StoreLimitsBuilder, Val,
};
use super::values;
use super::wasi::Program;
use crate::case::{Case, Kind, Mode, Settings};
use crate::observe::{Call, Ending, Observed, Value};
use crate::rng::Rng;
use crc32fast::Hasher;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// So deep that fuel ends before: frames differ between the runtimes, and with them the depth.
const GUEST_STACK: usize = 24 << 20;
/// What threads that run guests on their own stack need.
pub(crate) const THREAD_STACK: usize = GUEST_STACK + (8 << 20);

pub(crate) fn engine(settings: &Settings) -> Engine {
    let mut config = Config::new();
    config
        .consume_fuel(settings.fuel)
        .epoch_interruption(settings.epochs)
        .relaxed_simd_deterministic(true)
        .wasm_custom_page_sizes(true)
        .wasm_wide_arithmetic(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(GUEST_STACK + (2 << 20))
        .memory_may_move(settings.may_move)
        // Who runs many cases runs them on many threads.
        .parallel_compilation(false);
    if !settings.optimises {
        config
            .cranelift_opt_level(OptLevel::None)
            .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    }
    if !settings.signals {
        config.signals_based_traps(false);
    }
    if let Some(bytes) = settings.reservation {
        config.memory_reservation(bytes);
    }
    Engine::new(&config).expect("an engine")
}

/// The module, or why there is none.
pub(crate) fn compile(engine: &Engine, wasm: &[u8]) -> Result<Module, String> {
    Module::new(engine, wasm).map_err(|error| format!("{error:?}"))
}

/// A run in the making.
struct Run<'a> {
    store: Store<State>,
    case: &'a Case,
    mode: &'a Mode,
    seen: Observed,
    in_bulk: bool,
}

/// Polls to the end; what it waits for is always ready the next time. The number is of how often it was not.
fn finish<T>(engine: &Engine, mode: &Mode, future: impl Future<Output = T>) -> (T, u64) {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    let mut yields = 0;
    loop {
        if mode.ticks {
            engine.increment_epoch();
        }
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return (output, yields),
            Poll::Pending => yields += 1,
        }
    }
}

/// Runs a case: instantiates the module and calls all its functions, some times each. The instantiation may use so many
/// units that are not the case's.
pub(crate) fn observe(module: &Module, case: &Case, mode: &Mode, extra: u64) -> Observed {
    let (mut seen, yields) = finish(module.engine(), mode, watch(module, case, mode, extra));
    seen.yields = yields;
    seen
}

/// As [`observe`], as a future, which is pending only when the mode is one on a fiber.
pub(crate) async fn watch(module: &Module, case: &Case, mode: &Mode, extra: u64) -> Observed {
    let settings = &mode.settings;
    let memory = if case.kind == Kind::Program { 512 } else { 16 };
    let state = State {
        limits: StoreLimitsBuilder::new()
            .memory_size(memory << 20)
            .table_elements(20_000)
            .build(),
        seed: case.seed,
        fail_at: case.fail_at,
        reenters: case.reenters,
        nested: false,
        calls: 0,
        log: Hasher::new(),
        fuel: settings.fuel.then(Hasher::new),
        waits: mode.pending.then(|| Rng::new(case.seed ^ 0x77)),
        program: case.files.clone().map(Program::new),
    };
    let mut store = Store::new(module.engine(), state);
    store.limiter(|state| &mut state.limits);
    if settings.epochs && mode.fiber {
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
    } else if settings.epochs {
        // Who cannot yield looks at the epoch all the same, and never sees the deadline.
        store.set_epoch_deadline(u64::from(u32::MAX));
    }
    let mut run = Run {
        store,
        case,
        mode,
        seen: Observed::default(),
        in_bulk: false,
    };
    run.refuel(extra);
    run.all(module).await;
    run.seen.output = run
        .store
        .into_data()
        .program
        .map(Program::into_output)
        .unwrap_or_default();
    run.seen
}

impl Run<'_> {
    fn refuel(&mut self, extra: u64) {
        if self.mode.settings.fuel {
            let fuel = self.case.fuel + extra;
            self.store.set_fuel(fuel).expect("fuel is counted");
            if self.mode.interval.is_some() {
                self.store
                    .fuel_async_yield_interval(self.mode.interval)
                    .expect("fuel is counted");
            }
        }
    }

    async fn all(&mut self, module: &Module) {
        let imports = match host::imports(&mut self.store, module, self.mode) {
            Ok(imports) => imports,
            Err(error) => {
                // A memory or table beyond the store's limits.
                self.ended("imports".to_owned(), Ending::Failed(format!("{error:?}")));
                return;
            }
        };
        let store = &mut self.store;
        let instance = if self.mode.fiber {
            Instance::new_async(store, module, &imports).await
        } else {
            Instance::new(store, module, &imports)
        };
        let mut externs = imports;
        match instance {
            Ok(instance) => {
                self.ended("instantiate".to_owned(), Ending::Returned(Vec::new()));
                let exports: Vec<_> = instance
                    .exports(&mut self.store)
                    .map(|export| (export.name().to_owned(), export.into_extern()))
                    .collect();
                self.calls(&exports).await;
                externs.extend(exports.into_iter().map(|(_, export)| export));
            }
            Err(error) => {
                let ending = self.failed(&error);
                self.ended("instantiate".to_owned(), ending);
            }
        }
        self.look(externs);
    }

    async fn calls(&mut self, exports: &[(String, Extern)]) {
        let mut rng = Rng::new(self.case.seed ^ 0xca11);
        for _ in 0..self.case.rounds {
            for (name, export) in exports {
                let Extern::Func(func) = export else { continue };
                if self.case.kind == Kind::Program && name != "_start" {
                    continue;
                }
                self.refuel(0);
                let ending = self.call(*func, &mut rng).await;
                self.ended(name.clone(), ending);
            }
        }
    }

    async fn call(&mut self, func: Func, rng: &mut Rng) -> Ending {
        let ty = func.ty(&self.store);
        let params: Vec<_> = ty
            .params()
            .map(|ty| values::any(&mut self.store, &ty, rng))
            .collect();
        let mut results = vec![Val::I32(0); ty.results().len()];
        let outcome = if self.mode.fiber {
            let store = &mut self.store;
            func.call_async(store, &params, &mut results).await
        } else {
            func.call(&mut self.store, &params, &mut results)
        };
        match outcome {
            Ok(()) => Ending::Returned(self.told(&results)),
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &Error) -> Ending {
        self.in_bulk |= values::ended_in_bulk(error, &self.case.wasm);
        values::ending(error)
    }

    fn told(&mut self, values: &[Val]) -> Vec<Value> {
        values
            .iter()
            .map(|value| values::told(&mut self.store, value))
            .collect()
    }

    fn ended(&mut self, name: String, ending: Ending) {
        let left = self.mode.settings.fuel.then(|| self.store.get_fuel());
        let state = self.store.data_mut();
        // A host function that failed inside another leaves this behind.
        state.nested = false;
        self.seen.calls.push(Call {
            name,
            ending,
            in_bulk: self.in_bulk,
            // Units that an instantiation did not use of its extra ones are none of the case's.
            fuel: left.map(|left| {
                self.case
                    .fuel
                    .saturating_sub(left.expect("fuel is counted"))
            }),
            host_calls: state.calls,
            host_log: state.log.clone().finalize(),
            host_fuel: state.fuel.clone().map(Hasher::finalize),
        });
    }

    /// Looks at all that imports and exports give access to.
    fn look(&mut self, externs: Vec<Extern>) {
        for external in externs {
            match external {
                Extern::Memory(memory) => {
                    let bytes = memory.data(&self.store);
                    let sum = crc32fast::hash(bytes);
                    self.seen.memories.push((bytes.len() as u64, sum));
                }
                Extern::Global(global) => {
                    let value = global.get(&mut self.store);
                    let value = values::told(&mut self.store, &value);
                    self.seen.globals.push(value);
                }
                Extern::Table(table) => {
                    let size = table.size(&self.store);
                    let mut sum = Hasher::new();
                    for index in 0..size {
                        let element = table.get(&mut self.store, index).expect("in bounds");
                        let value = values::told_ref(&mut self.store, element);
                        sum.update(&value.to_bytes());
                    }
                    self.seen.tables.push((size, sum.finalize()));
                }
                _ => {}
            }
        }
    }
}
