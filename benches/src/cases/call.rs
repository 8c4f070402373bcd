//! What it costs to cross between host and guest, in either direction and every manner.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::runtime::{
    self, Caller, Config, Engine, Instance, Linker, Module, Store, TypedFunc, WasmParams,
    WasmResults,
};
use super::{config, unboxed};
use crate::case::{Batch, Case, repeat};
use crate::poll::{Yield, block_on, poll_to_end};

const GUEST: &str = r#"(module
    (import "host" "next" (func $next (param i32) (result i32)))
    (func (export "noop"))
    (func (export "four") (param i32 i64 f32 f64) (result f64)
        (local.get 3))
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

/// Calls the host with one less, which calls this function again: as deep as it is told.
const NEST: &str = r#"(module
    (import "host" "nest" (func $nest (param i32) (result i32)))
    (func (export "nest") (param $n i32) (result i32)
        (if (result i32) (local.get $n)
            (then (i32.add (i32.const 1)
                (call $nest (i32.sub (local.get $n) (i32.const 1)))))
            (else (i32.const 0)))))"#;

/// How deep calls are nested.
const DEPTH: i32 = 8;

type Define = fn(&mut Linker<()>) -> runtime::Result<()>;

/// Crossings, cheapest first.
#[must_use]
pub fn cases() -> Vec<Case> {
    let host_async = |name: &str, define: Define| Case::new(name, move || host_async(define));
    vec![
        Case::new("sync, no parameters", noop),
        Case::new("sync, 4 parameters", four),
        Case::new("host sync", host_sync),
        Case::new("call_async", noop_async),
        host_async("host async, ready, boxed", ready),
        host_async("host async, ready, unboxed (A)", unboxed::ready),
        host_async("host async, pending once, boxed", pending_once),
        host_async(
            "host async, pending once, unboxed (A)",
            unboxed::pending_once,
        ),
        Case::new("fuel yield", fuel_yield),
        Case::new("epoch yield", epoch_yield),
        Case::new("nested, sync", nested_sync),
        Case::new("nested, async", nested_async),
    ]
}

fn sync(linker: &mut Linker<()>) -> runtime::Result<()> {
    linker.func_wrap("host", "next", |x: i32| x + 1)?;
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

fn noop() -> Result<impl FnMut(u64) -> Result<Batch>> {
    let mut guest = Guest::new(&config::new(), sync)?;
    let noop = guest.func::<(), ()>("noop")?;
    Ok(move |n| repeat(n, || noop.call(&mut guest.store, ()).map(|()| 0)))
}

fn four() -> Result<impl FnMut(u64) -> Result<Batch>> {
    let mut guest = Guest::new(&config::new(), sync)?;
    let four = guest.func::<(i32, i64, f32, f64), f64>("four")?;
    Ok(move |n| {
        repeat(n, || {
            let params = black_box((1, 2, 3.0, 4.0));
            let result = four.call(&mut guest.store, params)?;
            ensure!(result == 4.0, "returned {result}");
            Ok::<_, anyhow::Error>(0)
        })
    })
}

fn noop_async() -> Result<impl FnMut(u64) -> Result<Batch>> {
    let mut guest = Guest::new(&config::new(), sync)?;
    let noop = guest.func::<(), ()>("noop")?;
    Ok(move |n| {
        repeat(n, || {
            block_on(noop.call_async(&mut guest.store, ())).map(|()| 0)
        })
    })
}

/// Calls from the guest, all within one call of it.
fn host_sync() -> Result<impl FnMut(u64) -> Result<Batch>> {
    let mut guest = Guest::new(&config::new(), sync)?;
    let again = guest.func::<i32, i32>("again")?;
    Ok(move |n| {
        let count = i32::try_from(n)?;
        let start = Instant::now();
        let result = again.call(&mut guest.store, count)?;
        counted(n, start, result)
    })
}

fn host_async(define: Define) -> Result<impl FnMut(u64) -> Result<Batch>> {
    let mut guest = Guest::new(&config::new(), define)?;
    let again = guest.func::<i32, i32>("again")?;
    Ok(move |n| {
        let count = i32::try_from(n)?;
        let start = Instant::now();
        let result = block_on(again.call_async(&mut guest.store, count))?;
        counted(n, start, result)
    })
}

/// The host counted the calls that the guest made.
fn counted(operations: u64, start: Instant, calls: i32) -> Result<Batch> {
    let elapsed = start.elapsed();
    ensure!(
        i64::from(calls) == operations.cast_signed(),
        "{calls} calls instead of {operations}"
    );
    Ok(Batch {
        elapsed,
        operations,
        value: 0,
    })
}

/// An interval of one unit: the guest yields wherever fuel is checked.
fn fuel_yield() -> Result<impl FnMut(u64) -> Result<Batch>> {
    let mut guest = Guest::new(config::new().consume_fuel(true), sync)?;
    guest.store.fuel_async_yield_interval(Some(1))?;
    yields(guest, || {})
}

/// The new deadline is the epoch of the resume itself, so the guest yields wherever epochs are checked. The tick is part of
/// the price.
fn epoch_yield() -> Result<impl FnMut(u64) -> Result<Batch>> {
    let mut guest = Guest::new(config::new().epoch_interruption(true), sync)?;
    guest.store.epoch_deadline_async_yield_and_update(0);
    let engine = guest.store.engine().clone();
    yields(guest, move || engine.increment_epoch())
}

/// An operation is a turn of a loop with one yield in it.
fn yields(mut guest: Guest, between: impl Fn()) -> Result<impl FnMut(u64) -> Result<Batch>> {
    let fuel = guest.store.get_fuel().is_ok();
    let spin = guest.func::<i32, ()>("spin")?;
    Ok(move |n: u64| {
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
        // One at the entry, or at an exit, may come in addition.
        ensure!(
            (n..=n + 2).contains(&pending),
            "{pending} yields in {n} turns of the loop"
        );
        Ok(Batch {
            elapsed,
            operations: pending,
            value: 0,
        })
    })
}

/// What the host calls when the guest calls it.
type Nest = Option<TypedFunc<i32, i32>>;

fn nest_func(caller: &Caller<'_, Nest>) -> runtime::Result<TypedFunc<i32, i32>> {
    let func = caller.data().clone();
    func.ok_or_else(|| runtime::Error::msg("the host does not know the guest yet"))
}

/// An operation is a call of the guest that is as deep as [`DEPTH`].
fn nested_sync() -> Result<impl FnMut(u64) -> Result<Batch>> {
    let (mut store, nest) = nested(|linker| {
        linker.func_wrap("host", "nest", |mut caller: Caller<'_, Nest>, n: i32| {
            nest_func(&caller)?.call(&mut caller, n)
        })?;
        Ok(())
    })?;
    Ok(move |n| repeat(n, || deep(nest.call(&mut store, DEPTH)?)))
}

fn nested_async() -> Result<impl FnMut(u64) -> Result<Batch>> {
    let (mut store, nest) = nested(|linker| {
        linker.func_wrap_async(
            "host",
            "nest",
            |mut caller: Caller<'_, Nest>, (n,): (i32,)| {
                Box::new(async move { nest_func(&caller)?.call_async(&mut caller, n).await })
            },
        )?;
        Ok(())
    })?;
    Ok(move |n| repeat(n, || deep(block_on(nest.call_async(&mut store, DEPTH))?)))
}

fn nested(
    define: fn(&mut Linker<Nest>) -> runtime::Result<()>,
) -> Result<(Store<Nest>, TypedFunc<i32, i32>)> {
    let engine = Engine::new(&config::new())?;
    let module = Module::new(&engine, NEST)?;
    let mut linker = Linker::new(&engine);
    define(&mut linker)?;
    let mut store = Store::new(&engine, None);
    let instance = block_on(linker.instantiate_async(&mut store, &module))?;
    let nest: TypedFunc<i32, i32> = instance.get_typed_func(&mut store, "nest")?;
    *store.data_mut() = Some(nest.clone());
    Ok((store, nest))
}

fn deep(depth: i32) -> Result<u64> {
    ensure!(depth == DEPTH, "{depth} deep");
    Ok(0)
}
