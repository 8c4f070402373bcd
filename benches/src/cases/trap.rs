//! What it costs that a guest traps or a host function fails: from [`TypedFunc::call`] until the error has been dropped.
//!
//! The process of neither side makes host backtraces: `worker.rs` sees to it.

use anyhow::{Context as _, Result, ensure};

use super::config;
use super::runtime::{
    self, Config, Engine, Error, Linker, Module, Store, Trap, TypedFunc, WasmBacktrace,
};
use crate::case::{Batch, Case, repeat};

/// What goes wrong: a name, the instructions, and the trap; nothing if the host's error must come back.
struct Fault {
    name: &'static str,
    body: &'static str,
    trap: Option<Trap>,
}

/// `$x` is 0, which no compiler knows.
const FAULTS: [Fault; 6] = [
    Fault {
        name: "unreachable",
        body: "unreachable",
        trap: Some(Trap::UnreachableCodeReached),
    },
    Fault {
        name: "host error",
        body: "(call $fail) (i32.const 0)",
        trap: None,
    },
    Fault {
        name: "division by zero",
        body: "(i32.div_u (i32.const 1) (local.get $x))",
        trap: Some(Trap::IntegerDivisionByZero),
    },
    Fault {
        name: "memory out of bounds",
        body: "(i32.load (i32.sub (local.get $x) (i32.const 65536)))",
        trap: Some(Trap::MemoryOutOfBounds),
    },
    Fault {
        name: "indirect call, null",
        body: "(call_indirect (result i32) (i32.add (local.get $x) (i32.const 1)))",
        trap: Some(Trap::IndirectCallToNull),
    },
    Fault {
        name: "indirect call, other type",
        body: "(call_indirect (result i32) (local.get $x))",
        trap: Some(Trap::BadSignature),
    },
];

const OVERFLOW: Fault = Fault {
    name: "stack overflow",
    body: "(i32.add (i32.const 1) (call $deeper (local.get $depth) (local.get $x)))",
    trap: Some(Trap::StackOverflow),
};

/// Frames of the guest on the stack when it happens.
const DEPTHS: [u32; 2] = [1, 20];

/// Each fault at either depth, with and without a backtrace; an overflow has a depth of its own.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for fault in &FAULTS {
        for depth in DEPTHS {
            let frames = if depth == 1 { "frame" } else { "frames" };
            for backtrace in [true, false] {
                let name = format!("{}, {depth} {frames}", fault.name);
                cases.push(case(name, fault, Some(depth), backtrace));
            }
        }
    }
    for backtrace in [true, false] {
        cases.push(case(OVERFLOW.name.to_owned(), &OVERFLOW, None, backtrace));
    }
    cases
}

fn case(name: String, fault: &'static Fault, depth: Option<u32>, backtrace: bool) -> Case {
    let with = if backtrace {
        "backtrace"
    } else {
        "no backtrace"
    };
    Case::new(format!("{name}, {with}"), move || {
        run(fault, depth, backtrace)
    })
    .sets(&["all"])
}

fn guest(fault: &Fault) -> String {
    format!(
        r#"(module
            (import "host" "fail" (func $fail))
            (memory 1 1)
            (table 2 funcref)
            (elem (i32.const 0) $fail)
            (func $deeper (export "run") (param $depth i32) (param $x i32) (result i32)
                (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
                (if (result i32) (local.get $depth)
                    (then (i32.add (i32.const 1) (call $deeper (local.get $depth) (local.get $x))))
                    (else {}))))"#,
        fault.body
    )
}

/// The frames that a backtrace holds at most.
const MOST_FRAMES: u32 = 20;

/// The host's error. It is looked for by its type: to compare texts would cost more than the error itself.
#[derive(Debug)]
struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

fn run(
    fault: &'static Fault,
    depth: Option<u32>,
    backtrace: bool,
) -> Result<impl FnMut(u64) -> Result<Batch>> {
    let engine = Engine::new(&configuration(backtrace))?;
    let module = Module::new(&engine, guest(fault))?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "fail", || -> runtime::Result<()> {
        Err(Error::new(Refused))
    })?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let run: TypedFunc<(u32, u32), i32> = instance.get_typed_func(&mut store, "run")?;
    let frames = backtrace.then_some(depth.unwrap_or(MOST_FRAMES) as usize);
    Ok(move |operations| {
        repeat(operations, || {
            let result = run.call(&mut store, (depth.unwrap_or(1), 0));
            check(result.err().context("returned")?, fault.trap, frames)
        })
    })
}

/// Without a limit there is no backtrace: `Config::wasm_backtrace` is deprecated and does the same.
fn configuration(backtrace: bool) -> Config {
    let mut config = config::new();
    if !backtrace {
        config.wasm_backtrace_max_frames(None);
    }
    config
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "dropping it is part of the price"
)]
fn check(error: Error, trap: Option<Trap>, frames: Option<usize>) -> Result<u64> {
    ensure!(error.downcast_ref::<Trap>() == trap.as_ref(), "{error:?}");
    if trap.is_none() {
        ensure!(error.downcast_ref::<Refused>().is_some(), "{error:?}");
    }
    let seen = error.downcast_ref::<WasmBacktrace>();
    let seen = seen.map(|backtrace| backtrace.frames().len());
    ensure!(seen == frames, "{seen:?} frames instead of {frames:?}");
    Ok(seen.unwrap_or(0) as u64)
}
