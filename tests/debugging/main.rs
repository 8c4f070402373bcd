//! Seeing into guests: lines in backtraces, native unwinding, profilers' files, core dumps.

mod coredump;
mod lines;
mod native;

#[path = "../../examples/backtrace/main.rs"]
#[expect(dead_code, reason = "its `main`")]
mod example;

use tussah::{Config, Engine, Error, Instance, Module, Result, Store};

/// A C program with debug information, see `examples/backtrace/guests/invoice.c`.
const GUEST: &[u8] = include_bytes!("../../examples/backtrace/guests/invoice.wasm");

/// Runs the guest into its trap.
fn trapped(engine: &Engine, module: &Module) -> Result<(Store<()>, Error)> {
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, module, &[])?;
    let discount = instance.get_typed_func::<i32, i32>(&mut store, "discount")?;
    let error = discount.call(&mut store, 3).unwrap_err();
    Ok((store, error))
}

fn engine(adjust: impl FnOnce(&mut Config)) -> Engine {
    let mut config = Config::new();
    adjust(&mut config);
    Engine::new(&config).unwrap()
}
