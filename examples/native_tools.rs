//! A guest to be looked at with the system's own tools: gdb and perf. See docs/debugging.md.
//!
//! `cargo run --example native_tools -- [gdb | perf-map | jitdump]`
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use tussah::{Config, Engine, Linker, Module, ProfilingStrategy, Result, Store};

const GUEST: &str = r#"(module $sums
    (import "host" "look_here" (func $look_here (param i64)))
    (func (export "run") (param i32) (call $average (local.get 0)))
    (func $average (param $n i32)
        (call $look_here (i64.div_u (call $sum_of_squares (local.get $n)) (i64.const 1000))))
    (func $sum_of_squares (param $n i32) (result i64)
        (local $sum i64)
        (loop $again
            (local.set $sum (i64.add (local.get $sum) (call $square (local.get $n))))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum))
    (func $square (param $n i32) (result i64)
        (i64.extend_i32_u (i32.mul (local.get $n) (local.get $n)))))"#;

/// Where gdb is told to stop.
#[unsafe(no_mangle)]
#[inline(never)]
#[expect(unsafe_code, reason = "a name that is easy to type")]
extern "C" fn look_here(average: i64) {
    println!("{average}");
}

fn main() -> Result<()> {
    let mut config = Config::new();
    match std::env::args().nth(1).as_deref() {
        Some("gdb") => config.debug_info(true),
        Some("perf-map") => config.profiler(ProfilingStrategy::PerfMap),
        Some("jitdump") => config.profiler(ProfilingStrategy::JitDump),
        _ => &mut config,
    };
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, GUEST)?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "look_here", |average: i64| look_here(average))?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<i32, ()>(&mut store, "run")?;
    run.call(&mut store, 300_000_000)
}
