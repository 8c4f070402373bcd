//! What it costs to cross between host and guest, in either direction and every manner.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::runtime::{
    self, Caller, Config, Engine, Error, Instance, Linker, Module, Store, Trap, TypedFunc,
    WasmParams, WasmResults,
};
use super::unboxed;
use crate::harness::{Batch, Case, Yield, block_on, poll_to_end, repeat};

const GUEST: &str = r#"(module
    (import "host" "next" (func $next (param i32) (result i32)))
    (func (export "noop"))
    (func (export "four") (param i32 i64 f32 f64) (result f64)
        (local.get 3))
    (func (export "unreachable")
        (unreachable))
    ;; Passes 0 to the host's function, then $n - 1 times its last result; returns the last one.
    (func (export "again") (param $n i32) (result i32)
        (local $x i32)
        (loop $again
            (local.set $x (call $next (local.get $x)))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $x))
    (func (export "spin") (param $n i32)
        (loop $spin
            (br_if $spin (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#;

type Define = fn(&mut Linker<()>) -> runtime::Result<()>;

/// Crossings, cheapest first.
///
/// # Errors
///
/// The guest could not be set up.
pub fn cases() -> Result<Vec<Case>> {
    Ok(vec![
        noop()?,
        four()?,
        host_sync()?,
        noop_async()?,
        host_async("host async, ready, boxed", ready)?,
        host_async("host async, ready, unboxed (A)", unboxed::ready)?,
        host_async("host async, pending once, boxed", pending_once)?,
        host_async(
            "host async, pending once, unboxed (A)",
            unboxed::pending_once,
        )?,
        fuel_yield()?,
        epoch_yield()?,
        unreachable()?,
        host_error()?,
    ])
}

fn sync(linker: &mut Linker<()>) -> runtime::Result<()> {
    linker.func_wrap("host", "next", |x: i32| x + 1)?;
    Ok(())
}

fn failing(linker: &mut Linker<()>) -> runtime::Result<()> {
    let next = |_: i32| -> runtime::Result<i32> { Err(Error::msg("refused")) };
    linker.func_wrap("host", "next", next)?;
    Ok(())
}

pub(super) fn ready(linker: &mut Linker<()>) -> runtime::Result<()> {
    linker.func_wrap_async("host", "next", |_: Caller<'_, ()>, (x,): (i32,)| {
        Box::new(async move { x + 1 })
    })?;
    Ok(())
}

pub(super) fn pending_once(linker: &mut Linker<()>) -> runtime::Result<()> {
    linker.func_wrap_async("host", "next", |_: Caller<'_, ()>, (x,): (i32,)| {
        Box::new(async move {
            Yield::default().await;
            x + 1
        })
    })?;
    Ok(())
}

struct Guest {
    store: Store<()>,
    instance: Instance,
}

impl Guest {
    fn new(config: &Config, define: Define) -> Result<Self> {
        let engine = Engine::new(config)?;
        let module = Module::new(&engine, GUEST)?;
        let mut linker = Linker::new(&engine);
        define(&mut linker)?;
        let mut store = Store::new(&engine, ());
        let instance = block_on(linker.instantiate_async(&mut store, &module))?;
        Ok(Self { store, instance })
    }

    fn func<P: WasmParams, R: WasmResults>(&mut self, name: &str) -> Result<TypedFunc<P, R>> {
        Ok(self.instance.get_typed_func(&mut self.store, name)?)
    }
}

fn noop() -> Result<Case> {
    let mut guest = Guest::new(&Config::new(), sync)?;
    let noop = guest.func::<(), ()>("noop")?;
    Ok(Case::new("sync, no parameters", move |n| {
        repeat(n, || noop.call(&mut guest.store, ()))
    }))
}

fn four() -> Result<Case> {
    let mut guest = Guest::new(&Config::new(), sync)?;
    let four = guest.func::<(i32, i64, f32, f64), f64>("four")?;
    Ok(Case::new("sync, 4 parameters", move |n| {
        repeat(n, || {
            let params = black_box((1, 2, 3.0, 4.0));
            let result = four.call(&mut guest.store, params)?;
            ensure!(result == 4.0, "returned {result}");
            Ok::<_, anyhow::Error>(())
        })
    }))
}

fn noop_async() -> Result<Case> {
    let mut guest = Guest::new(&Config::new(), sync)?;
    let noop = guest.func::<(), ()>("noop")?;
    Ok(Case::new("call_async", move |n| {
        repeat(n, || block_on(noop.call_async(&mut guest.store, ())))
    }))
}

/// Calls from the guest, all within one call of it.
fn host_sync() -> Result<Case> {
    let mut guest = Guest::new(&Config::new(), sync)?;
    let again = guest.func::<i32, i32>("again")?;
    Ok(Case::new("host sync", move |n| {
        let count = i32::try_from(n)?;
        let start = Instant::now();
        let result = again.call(&mut guest.store, count)?;
        let elapsed = start.elapsed();
        ensure!(result == count, "{result} calls instead of {count}");
        Ok(Batch {
            elapsed,
            operations: n,
        })
    }))
}

fn host_async(name: &str, define: Define) -> Result<Case> {
    let mut guest = Guest::new(&Config::new(), define)?;
    let again = guest.func::<i32, i32>("again")?;
    Ok(Case::new(name, move |n| {
        let count = i32::try_from(n)?;
        let start = Instant::now();
        let result = block_on(again.call_async(&mut guest.store, count))?;
        let elapsed = start.elapsed();
        ensure!(result == count, "{result} calls instead of {count}");
        Ok(Batch {
            elapsed,
            operations: n,
        })
    }))
}

/// An interval of one unit: the guest yields wherever fuel is checked.
fn fuel_yield() -> Result<Case> {
    let mut guest = Guest::new(Config::new().consume_fuel(true), sync)?;
    guest.store.fuel_async_yield_interval(Some(1))?;
    yields("fuel yield", guest, || {})
}

/// The new deadline is the epoch of the resume itself, so the guest yields wherever epochs are checked. The tick is part of
/// the price.
fn epoch_yield() -> Result<Case> {
    let mut guest = Guest::new(Config::new().epoch_interruption(true), sync)?;
    guest.store.epoch_deadline_async_yield_and_update(0);
    let engine = guest.store.engine().clone();
    yields("epoch yield", guest, move || engine.increment_epoch())
}

fn yields(name: &str, mut guest: Guest, between: impl Fn() + 'static) -> Result<Case> {
    let fuel = guest.store.get_fuel().is_ok();
    let spin = guest.func::<i32, ()>("spin")?;
    Ok(Case::new(name, move |n| {
        if fuel {
            guest.store.set_fuel(u64::MAX >> 1)?;
        } else {
            guest.store.set_epoch_deadline(0);
        }
        let count = i32::try_from(n)?;
        let start = Instant::now();
        let (result, pending) = poll_to_end(spin.call_async(&mut guest.store, count), &between);
        let elapsed = start.elapsed();
        result?;
        ensure!(pending >= n, "{pending} yields in {n} turns of the loop");
        Ok(Batch {
            elapsed,
            operations: pending,
        })
    }))
}

fn unreachable() -> Result<Case> {
    let mut guest = Guest::new(&Config::new(), sync)?;
    let unreachable = guest.func::<(), ()>("unreachable")?;
    Ok(Case::new("trap: unreachable", move |n| {
        repeat(n, || {
            let error = unreachable.call(&mut guest.store, ());
            let error = error.err().context("returned")?;
            let trap = error.downcast_ref::<Trap>().copied();
            ensure!(trap == Some(Trap::UnreachableCodeReached), "{error:#}");
            Ok::<_, anyhow::Error>(())
        })
    }))
}

fn host_error() -> Result<Case> {
    let mut guest = Guest::new(&Config::new(), failing)?;
    let again = guest.func::<i32, i32>("again")?;
    Ok(Case::new("host error", move |n| {
        repeat(n, || {
            let error = again.call(&mut guest.store, 1).err().context("returned")?;
            ensure!(error.root_cause().to_string() == "refused", "{error:#}");
            Ok::<_, anyhow::Error>(())
        })
    }))
}
