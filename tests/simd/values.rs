//! That operators compute what they should: with operands from parameters, from memory and as constants, by code that is
//! optimised or not, with and without fuel, signals, NaN canonicalisation and the newer instructions of x86.

use std::collections::BTreeSet;

use tussah::{Config, Engine, Instance, Module, OptLevel, RegallocAlgorithm, Store, Val};

use crate::model::{Rng, Ty, V, from_val, lanes};
use crate::operators::{Nan, Op, relaxed, simd};

/// Where operands come from.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Parameters,
    /// Vectors from memory, at addresses that are not aligned; the rest from parameters.
    Memory,
    Constants,
}

pub(crate) fn engine(adjust: impl FnOnce(&mut Config)) -> Engine {
    let mut config = Config::new();
    config.cranelift_debug_verifier(true);
    adjust(&mut config);
    Engine::new(&config).expect("this machine can do it")
}

/// Operands of one call.
struct Round {
    args: Vec<V>,
    expected: V,
}

/// An operator with its immediates, and what it is tried with.
struct Trial<'a> {
    op: &'a Op,
    immediates: Vec<u8>,
    rounds: Vec<Round>,
}

impl<'a> Trial<'a> {
    fn new(op: &'a Op, rounds: usize, rng: &mut Rng) -> Self {
        let (count, below) = op.immediates;
        let immediates = (0..count)
            .map(|_| u8::try_from(rng.below(below)).expect("lanes are few"))
            .collect::<Vec<_>>();
        let round = |_| {
            let args: Vec<V> = op.params.iter().map(|_| rng.vector()).collect();
            Round {
                expected: (op.model)(&args, &immediates),
                args,
            }
        };
        let rounds = (0..rounds).map(round).collect();
        Trial {
            op,
            immediates,
            rounds,
        }
    }

    /// A function that applies the operator, exported under its name.
    fn function(&self, source: Source) -> String {
        let mut params = String::new();
        let mut operands = String::new();
        for (i, &ty) in self.op.params.iter().enumerate() {
            params += &format!(" (param {})", ty.name());
            operands += &match (source, ty) {
                (Source::Constants, _) => ty.constant(self.rounds[0].args[i]),
                (Source::Memory, Ty::V128) => {
                    format!("(v128.load offset={} (i32.const 1))", 32 * i)
                }
                _ => format!("(local.get {i})"),
            };
        }
        let immediates: String = self.immediates.iter().map(|i| format!(" {i}")).collect();
        let (name, result) = (self.op.name, self.op.result.name());
        format!(
            "(func (export {name:?}){params} (result {result}) ({name}{immediates} {operands}))\n"
        )
    }
}

/// Compares with the model. `canonical` tells that every NaN is the canonical one.
fn agrees(nan: Nan, expected: V, actual: V, canonical: bool) -> bool {
    const QUIET32: u32 = 0x7fc0_0000;
    const QUIET64: u64 = 0x7ff8_0000_0000_0000;
    match nan {
        Nan::Exact => expected == actual,
        Nan::F32 => lanes(expected)
            .into_iter()
            .zip(lanes(actual))
            .all(|(e, a): (f32, u32)| {
                let any = if canonical { a } else { a & QUIET32 };
                if e.is_nan() {
                    any == QUIET32
                } else {
                    a == e.to_bits()
                }
            }),
        Nan::F64 => lanes(expected)
            .into_iter()
            .zip(lanes(actual))
            .all(|(e, a): (f64, u64)| {
                let any = if canonical { a } else { a & QUIET64 };
                if e.is_nan() {
                    any == QUIET64
                } else {
                    a == e.to_bits()
                }
            }),
    }
}

/// Whether a result is right, given operator, operands and what the model says.
type Judge<'a> = &'a dyn Fn(&Op, &[V], V, V) -> bool;

/// Each operator with random operands.
pub(crate) fn check(engine: &Engine, ops: &[Op], seed: u64, canonical: bool) {
    check_with(engine, ops, seed, &|op, _, expected, actual| {
        agrees(op.nan, expected, actual, canonical)
    });
}

pub(crate) fn check_with(engine: &Engine, ops: &[Op], seed: u64, judge: Judge<'_>) {
    const BATCHES: usize = 3;
    const ROUNDS: usize = 24;
    let mut rng = Rng(seed);
    for _ in 0..BATCHES {
        let trials: Vec<Trial<'_>> = ops
            .iter()
            .map(|op| Trial::new(op, ROUNDS, &mut rng))
            .collect();
        for source in [Source::Parameters, Source::Memory, Source::Constants] {
            let functions: String = trials.iter().map(|trial| trial.function(source)).collect();
            let text = format!("(module (memory (export \"m\") 1)\n{functions})");
            let module = Module::new(engine, &text).unwrap_or_else(|e| panic!("{e:?}\nin {text}"));
            let mut store = Store::new(engine, ());
            if engine.get_consume_fuel() {
                store.set_fuel(1_000_000).expect("fuel is counted");
            }
            let instance = Instance::new(&mut store, &module, &[]).expect("instantiates");
            for trial in &trials {
                let rounds = if source == Source::Constants {
                    1
                } else {
                    ROUNDS
                };
                for round in &trial.rounds[..rounds] {
                    let actual = call(&mut store, &instance, trial.op, &round.args);
                    assert!(
                        judge(trial.op, &round.args, round.expected, actual),
                        "{} {:?} of {:02x?} ({source:?}) is {actual:02x?}, not {:02x?}",
                        trial.op.name,
                        trial.immediates,
                        round.args,
                        round.expected,
                    );
                }
            }
        }
    }
}

fn call(store: &mut Store<()>, instance: &Instance, op: &Op, args: &[V]) -> V {
    let memory = instance.get_memory(&mut *store, "m").expect("is exported");
    for (i, arg) in args.iter().enumerate() {
        memory
            .write(&mut *store, 1 + 32 * i, arg)
            .expect("in bounds");
    }
    let f = instance
        .get_func(&mut *store, op.name)
        .expect("is exported");
    let params: Vec<Val> = op
        .params
        .iter()
        .zip(args)
        .map(|(ty, &arg)| ty.to_val(arg))
        .collect();
    let mut results = [Val::I32(0)];
    f.call(&mut *store, &params, &mut results)
        .expect("does not trap");
    from_val(&results[0])
}

#[test]
fn as_configured_by_default() {
    check(&engine(|_| ()), &simd(), 1, false);
}

#[test]
fn not_optimised() {
    let plain = engine(|c| _ = c.cranelift_opt_level(OptLevel::None));
    check(&plain, &simd(), 2, false);
    let fast = engine(|c| {
        c.cranelift_opt_level(OptLevel::None)
            .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    });
    check(&fast, &simd(), 3, false);
}

#[test]
fn with_fuel_and_epochs() {
    let engine = engine(|c| {
        c.consume_fuel(true);
    });
    check(&engine, &simd(), 4, false);
}

#[test]
fn without_signals() {
    check(
        &engine(|c| _ = c.signals_based_traps(false)),
        &simd(),
        5,
        false,
    );
}

#[test]
fn nans_are_canonical_if_asked_for() {
    let engine = engine(|c| _ = c.cranelift_nan_canonicalization(true));
    check(&engine, &simd(), 6, true);
}

/// Names of the operators with a proposal, as the text format has them.
macro_rules! names {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        [$((stringify!($proposal), stringify!($visit))),*]
    };
}

#[test]
fn every_operator_has_a_model() {
    let all = wasmparser::for_each_visit_simd_operator!(names);
    let text = |visit: &str| visit["visit_".len()..].replacen('_', ".", 1);
    for (proposal, ops, count) in [("simd", simd(), 236), ("relaxed_simd", relaxed(), 20)] {
        let names: BTreeSet<String> = all
            .iter()
            .filter(|(of, _)| *of == proposal)
            .map(|(_, visit)| text(visit))
            .collect();
        assert_eq!(names.len(), count);
        let tested: BTreeSet<String> = ops.iter().map(|op| op.name.to_owned()).collect();
        assert_eq!(tested.len(), ops.len(), "an operator is listed twice");
        let elsewhere = crate::memory::OPERATORS
            .iter()
            .map(|name| (*name).to_owned());
        let elsewhere: BTreeSet<String> = elsewhere.chain(["v128.const".to_owned()]).collect();
        let tested: BTreeSet<String> = match proposal {
            "simd" => tested.union(&elsewhere).cloned().collect(),
            _ => tested,
        };
        assert_eq!(tested, names);
    }
}
