//! Fuel is exact: the units left after a call, and at each call of a host function, are those the contract's table of costs
//! gives, and a guest that has too few stops at the point where they end.
//!
//! Hundreds of random programs are counted operator by operator; a set of written ones is pinned in `data/fuel.txt` to the
//! numbers of the runtime whose interface this is.

use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs};

use tussah::{Caller, Engine, Extern, Linker, Result, Store, Trap, Val};
use tussah_async_tests::executor::{block_on, trace};
use tussah_async_tests::rng::Rng;
use tussah_async_tests::{engine, isolated, module};

#[path = "program.rs"]
mod program;

use program::{Expected, Program};

const PLENTY: u64 = 1 << 40;

/// How a program is run.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Sync,
    Async,
    /// Giving the thread back each so many units, which must not change any number.
    Yielding(u64),
}

struct Host {
    start: u64,
    observed: Vec<u64>,
}

fn used(caller: &Caller<'_, Host>) -> u64 {
    caller.data().start - caller.get_fuel().unwrap()
}

fn callee(caller: &mut Caller<'_, Host>, function: i32) -> tussah::Func {
    caller
        .get_export(&format!("f{function}"))
        .and_then(Extern::into_func)
        .expect("an export")
}

fn linker(engine: &Engine, mode: Mode) -> Linker<Host> {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap("h", "observe", |mut caller: Caller<'_, Host>| {
            let used = used(&caller);
            caller.data_mut().observed.push(used);
        })
        .unwrap();
    match mode {
        Mode::Sync => linker.func_wrap("h", "reenter", |mut caller: Caller<'_, Host>, f: i32| {
            callee(&mut caller, f).call(&mut caller, &[Val::I32(0)], &mut [])
        }),
        _ => linker.func_wrap_async(
            "h",
            "reenter",
            |mut caller: Caller<'_, Host>, (f,): (i32,)| {
                Box::new(async move {
                    callee(&mut caller, f)
                        .call_async(&mut caller, &[Val::I32(0)], &mut [])
                        .await
                })
            },
        ),
    }
    .unwrap();
    linker
}

/// Runs `function(arg)` with so much fuel: what the host saw, and the result.
fn run(
    engine: &Engine,
    wat: &str,
    function: &str,
    arg: i32,
    fuel: u64,
    mode: Mode,
) -> (Expected, Result<()>) {
    let module = module(engine, wat);
    let mut store = Store::new(
        engine,
        Host {
            start: PLENTY,
            observed: Vec::new(),
        },
    );
    let linker = linker(engine, mode);
    if let Mode::Yielding(units) = mode {
        store.fuel_async_yield_interval(Some(units)).unwrap();
    }
    // Instantiation may run a start function; what that uses is not counted here.
    store.set_fuel(PLENTY).unwrap();
    let instance = match mode {
        Mode::Sync => linker.instantiate(&mut store, &module),
        _ => block_on(linker.instantiate_async(&mut store, &module)),
    }
    .unwrap();
    let func = instance.get_func(&mut store, function).expect("the entry");
    *store.data_mut() = Host {
        start: fuel,
        observed: Vec::new(),
    };
    store.set_fuel(fuel).unwrap();
    assert_eq!(store.get_fuel().unwrap(), fuel);
    let params = vec![Val::I32(arg); func.ty(&store).params().len()];
    let mut results = vec![Val::I32(0); func.ty(&store).results().len()];
    let result = match mode {
        Mode::Sync => func.call(&mut store, &params, &mut results),
        Mode::Async => block_on(func.call_async(&mut store, &params, &mut results)),
        Mode::Yielding(units) => {
            let (result, trace) = trace(func.call_async(&mut store, &params, &mut results));
            let left = store.get_fuel().unwrap();
            // Chunks of bulk operations and loop turns pass the interval by a little; it cannot be missed by half.
            let most = (fuel - left) / units + 1;
            assert!(
                trace.pendings as u64 <= most,
                "{} suspensions for {most} intervals",
                trace.pendings
            );
            result
        }
    };
    let used = fuel - store.get_fuel().unwrap();
    let out_of_fuel = match &result {
        Ok(()) => false,
        Err(error) => error.downcast_ref::<Trap>() == Some(&Trap::OutOfFuel),
    };
    let observed = std::mem::take(&mut store.data_mut().observed);
    (
        Expected {
            observed,
            used,
            out_of_fuel,
        },
        result,
    )
}

/// Programs of a seed, with what they are to use.
fn programs(seed: u64, count: usize) -> impl Iterator<Item = (Program, Expected)> {
    let mut rng = Rng::new(seed);
    std::iter::from_fn(move || {
        let program = Program::random(&mut rng);
        let expected = program.run(PLENTY);
        Some((program, expected))
    })
    // Some trees return at once, others multiply to more than a test should run.
    .filter(|(_, expected)| (1_000..100_000).contains(&expected.used))
    .take(count)
}

fn check(program: &Program, fuel: u64, engine: &Engine, mode: Mode) {
    let mut expected = program.run(fuel);
    // Nobody can use what is not there, though an operator may cost more than what was left.
    expected.used = expected.used.min(fuel);
    for used in &mut expected.observed {
        *used = (*used).min(fuel);
    }
    let wat = program.wat();
    let (actual, result) = run(engine, &wat, &program.entry(), 0, fuel, mode);
    assert_eq!(actual, expected, "{mode:?}, fuel {fuel}: {result:?}\n{wat}");
}

isolated! {
    120 => fn row04_random_programs_use_what_was_counted() {
        let engine = engine(true, false);
        let mut looks = 0;
        for (program, expected) in programs(1, 300) {
            looks += expected.observed.len();
            for mode in [Mode::Sync, Mode::Async, Mode::Yielding(100)] {
                check(&program, PLENTY, &engine, mode);
            }
        }
        assert!(looks > 1_000, "the host looked only {looks} times");
    }

    120 => fn row04_random_programs_stop_where_their_fuel_ends() {
        let engine = engine(true, false);
        let mut rng = Rng::new(3);
        let mut stopped = 0;
        for (program, expected) in programs(2, 60) {
            let total = expected.used;
            let mut budgets = vec![1, 2, total - 1, total, total + 1, total + 2];
            budgets.extend((0..6).map(|_| rng.below(total) + 1));
            budgets.extend(expected.observed.first());
            for fuel in budgets {
                stopped += usize::from(program.run(fuel).out_of_fuel);
                check(&program, fuel, &engine, Mode::Sync);
                check(&program, fuel, &engine, Mode::Yielding(77));
            }
        }
        assert!(stopped > 300, "only {stopped} runs ended for want of fuel");
    }

    60 => fn row04_pinned_programs_use_what_the_contract_says() {
        let engine = engine(true, false);
        let mut seen = 0;
        for pinned in pinned() {
            for line in &pinned.runs {
                for mode in [Mode::Sync, Mode::Async, Mode::Yielding(1000)] {
                    let answer = measure(&engine, &pinned.wat, line, mode);
                    assert_eq!(Some(answer.as_str()), line.answer.as_deref(), "{}, {line:?}, {mode:?}", pinned.name);
                }
                seen += 1;
            }
        }
        assert!(seen >= 60, "only {seen} pinned runs");
    }

    30 => fn row04_fuel_is_kept_across_the_whole_range() {
        let engine = engine(true, false);
        let mut store = Store::new(&engine, ());
        assert_eq!(store.get_fuel().unwrap(), 0, "a new store has none");
        let module = module(&engine, r#"(module (func (export "f")))"#);
        for fuel in [1, 2, u64::from(u32::MAX), i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
            store.set_fuel(fuel).unwrap();
            assert_eq!(store.get_fuel().unwrap(), fuel);
            let instance = tussah::Instance::new(&mut store, &module, &[]).unwrap();
            let result = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap().call(&mut store, ());
            // An entry needs one unit and one to spare.
            assert_eq!(result.is_err(), fuel == 1);
            assert_eq!(store.get_fuel().unwrap(), fuel - 1);
        }
        let unmetered = Engine::default();
        let mut store = Store::new(&unmetered, ());
        assert!(store.get_fuel().is_err());
        assert!(store.set_fuel(1).is_err());
        assert!(store.fuel_async_yield_interval(Some(1)).is_err());
    }
}

/// A written program and the runs of it that are pinned.
struct Pinned {
    name: String,
    wat: String,
    runs: Vec<Run>,
}

/// `;;= function argument fuel -> answer`
#[derive(Debug)]
struct Run {
    function: String,
    arg: i32,
    fuel: u64,
    answer: Option<String>,
}

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuel.txt")
}

fn pinned() -> Vec<Pinned> {
    let text = fs::read_to_string(data()).expect("tests/data/fuel.txt");
    let mut programs: Vec<Pinned> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix(";;; ") {
            programs.push(Pinned {
                name: name.into(),
                wat: String::new(),
                runs: Vec::new(),
            });
        } else if let Some(run) = line.strip_prefix(";;= ") {
            let (question, answer) = run
                .split_once(" ->")
                .map_or((run, None), |(q, a)| (q, Some(a.trim().into())));
            let words: Vec<_> = question.split_whitespace().collect();
            let [function, arg, fuel] = words[..] else {
                panic!("not a run: {line}")
            };
            let run = Run {
                function: function.into(),
                arg: arg.parse().unwrap(),
                fuel: fuel.parse().unwrap(),
                answer,
            };
            programs.last_mut().expect("a name first").runs.push(run);
        } else if let Some(program) = programs.last_mut() {
            program.wat.push_str(line);
            program.wat.push('\n');
        }
    }
    programs
}

/// Units used, how it ended, and the units used at each look of the host.
fn measure(engine: &Engine, wat: &str, run: &Run, mode: Mode) -> String {
    let (seen, result) = self::run(engine, wat, &run.function, run.arg, run.fuel, mode);
    let end = match result {
        Ok(()) => "ok".into(),
        Err(error) => error
            .downcast_ref::<Trap>()
            .map_or_else(|| "error".into(), |trap| format!("{trap:?}")),
    };
    let mut answer = format!("{} {end}", seen.used);
    for used in seen.observed {
        write!(answer, " {used}").unwrap();
    }
    answer
}

/// Writes the answers of whatever runtime this is built with into the data file: `BLESS=1 cargo test -- --ignored row04_bless`,
/// with the peer in the place of this project.
#[test]
#[ignore = "rewrites the pinned numbers"]
fn row04_bless() {
    assert!(
        env::var_os("BLESS").is_some(),
        "set BLESS to rewrite the pinned numbers"
    );
    let engine = engine(true, false);
    let text = fs::read_to_string(data()).expect("tests/data/fuel.txt");
    let head = text.split(";;; ").next().unwrap_or_default();
    let mut out = String::from(head);
    for pinned in pinned() {
        write!(out, ";;; {}\n{}", pinned.name, pinned.wat.trim_end()).unwrap();
        out.push('\n');
        for run in &pinned.runs {
            let answer = measure(&engine, &pinned.wat, run, Mode::Sync);
            writeln!(
                out,
                ";;= {} {} {} -> {answer}",
                run.function, run.arg, run.fuel
            )
            .unwrap();
        }
        out.push('\n');
    }
    fs::write(data(), out.trim_end().to_owned() + "\n").expect("a writable data file");
}
