//! What it costs that a guest can be interrupted, while nobody does, or every so often.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::config;
use super::runtime::{Config, Engine, Instance, InstancePre, Linker, Module, Store};
use super::wasi::{self, Exit, Wasi};
use crate::case::{Batch, Case, checksum};
use crate::kernels::{KERNELS, KERNELS_WAT, Kernel};
use crate::poll::{block_on, poll_to_end};
use crate::programs::{FOLDED, Program, program, programs};

/// More than any guest burns.
const FUEL: u64 = u64::MAX >> 1;
/// A deadline that no epoch reaches.
const NEVER: u64 = u64::MAX >> 1;
/// Units of fuel between yields.
const INTERVAL: u64 = 10_000;

/// How a guest can be interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    Epoch,
    Fuel,
    FuelYield,
}

use Mode::{Epoch, Fuel, FuelYield, Plain};

impl Mode {
    const ALL: [Self; 4] = [Plain, Epoch, Fuel, FuelYield];

    fn name(self) -> &'static str {
        match self {
            Plain => "plain",
            Epoch => "epoch",
            Fuel => "fuel",
            FuelYield => "fuel, yields",
        }
    }

    fn config(self) -> Config {
        let mut config = config::new();
        match self {
            Plain => {}
            Epoch => _ = config.epoch_interruption(true),
            Fuel | FuelYield => _ = config.consume_fuel(true),
        }
        config
    }

    fn arm<T>(self, store: &mut Store<T>) -> Result<()> {
        match self {
            Plain => {}
            Epoch => store.set_epoch_deadline(NEVER),
            Fuel => store.set_fuel(FUEL)?,
            FuelYield => {
                store.set_fuel(FUEL)?;
                store.fuel_async_yield_interval(Some(INTERVAL))?;
            }
        }
        Ok(())
    }

    /// What has been burnt since [`Mode::arm`].
    fn burnt<T>(self, store: &Store<T>) -> Result<u64> {
        match self {
            Plain | Epoch => Ok(0),
            Fuel | FuelYield => Ok(FUEL - store.get_fuel()?),
        }
    }
}

/// Kernels and programs, each plain and in every mode.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for kernel in KERNELS {
        // Where branches are hard to predict, one more can make code faster, or several times slower: whims of the predictor,
        // which say little of what a check costs.
        let sets: &[_] = match kernel.name {
            "alternating calls" => &[],
            "collatz" => &["kernels"],
            _ => &["kernels", "kernels without collatz"],
        };
        for mode in Mode::ALL {
            let case = Case::new(kernel.name, move || run_kernel(kernel, mode));
            cases.push(in_mode(case, kernel.name, mode).sets(sets));
        }
    }
    match programs() {
        Ok(programs) => {
            let names = programs.iter().map(|program| &program.name);
            cases.extend(names.filter(|name| *name != FOLDED).flat_map(|name| {
                Mode::ALL.map(|mode| {
                    let case = Case::new(name, move || run_program(name, mode));
                    in_mode(case, name, mode).sets(&["programs"])
                })
            }));
        }
        Err(error) => cases.push(Case::impossible("the programs of the suite", &error)),
    }
    cases
}

fn in_mode(case: Case, plain: &str, mode: Mode) -> Case {
    match mode {
        Plain => case,
        _ => case.mode(plain, mode.name()),
    }
}

fn run_kernel(kernel: Kernel, mode: Mode) -> Result<impl FnMut(u64) -> Result<Batch>> {
    let engine = Engine::new(&mode.config())?;
    let module = Module::new(&engine, KERNELS_WAT)?;
    let mut store = Store::new(&engine, ());
    mode.arm(&mut store)?;
    let instance = block_on(Instance::new_async(&mut store, &module, &[]))?;
    let func = instance.get_typed_func::<i32, i64>(&mut store, kernel.name)?;
    let expected = kernel.expected();
    Ok(move |operations| {
        mode.arm(&mut store)?;
        let mut yields = 0;
        let start = Instant::now();
        for _ in 0..operations {
            let result = if mode == FuelYield {
                let (result, pending) =
                    poll_to_end(func.call_async(&mut store, kernel.argument), || {});
                yields += pending;
                result?
            } else {
                func.call(&mut store, kernel.argument)?
            };
            ensure!(result == expected, "{result} instead of {expected}");
        }
        let elapsed = start.elapsed();
        let burnt = mode.burnt(&store)?;
        ensure!(yields > 0 || mode != FuelYield, "never yielded");
        ensure!(burnt % operations == 0, "not every call burnt the same");
        Ok(Batch {
            elapsed,
            operations,
            // With fuel, both sides must have burnt the same.
            value: burnt / operations,
        })
    })
}

fn run_program(name: &str, mode: Mode) -> Result<impl FnMut(u64) -> Result<Batch> + use<>> {
    let program = program(name)?;
    let engine = Engine::new(&mode.config())?;
    let module = Module::new(&engine, &program.wasm)?;
    let mut linker = Linker::new(&engine);
    wasi::define(&mut linker)?;
    let pre = linker.instantiate_pre(&module)?;
    Ok(move |operations| {
        let mut elapsed = Duration::ZERO;
        let mut value = 0;
        for _ in 0..operations {
            let (time, output) = run_once(program, &pre, mode)?;
            elapsed += time;
            value = output;
        }
        Ok(Batch {
            elapsed,
            operations,
            value,
        })
    })
}

/// From start to exit in an instance of its own. The time is that of the part which the program marks.
fn run_once(
    program: &'static Program,
    pre: &InstancePre<Wasi>,
    mode: Mode,
) -> Result<(Duration, u64)> {
    let mut store = Store::new(pre.module().engine(), Wasi::new(program));
    mode.arm(&mut store)?;
    let instance = block_on(pre.instantiate_async(&mut store))?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    let result = if mode == FuelYield {
        let (result, yields) = poll_to_end(start.call_async(&mut store, ()), || {});
        ensure!(yields > 0, "never yielded");
        result
    } else {
        start.call(&mut store, ())
    };
    if let Err(error) = result {
        let exit = error.downcast_ref::<Exit>().map(|exit| exit.0);
        ensure!(exit == Some(0), "{error:?}");
    }

    let burnt = mode.burnt(&store)?;
    let wasi = store.data();
    ensure!(!wasi.measured.is_zero(), "did not mark what to measure");
    let mut all = Vec::new();
    for (stream, written, expected) in [
        ("stdout", &wasi.stdout, &program.stdout),
        ("stderr", &wasi.stderr, &program.stderr),
    ] {
        if let Some(expected) = expected {
            let at = written
                .iter()
                .zip(expected)
                .take_while(|(a, b)| a == b)
                .count();
            ensure!(
                written == expected,
                "{stream} is not as expected from byte {at} on: {:?}",
                String::from_utf8_lossy(
                    &written[at.saturating_sub(40)..written.len().min(at + 40)]
                )
            );
        }
        all.extend_from_slice(written);
    }
    all.extend(burnt.to_le_bytes());
    let value = checksum(&all);
    Ok((wasi.measured, value))
}
