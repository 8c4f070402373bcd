//! What a store with a fresh instance costs, from [`Store::new`] until it is dropped.

use anyhow::Result;

use super::runtime::{self, Caller, Engine, Extern, InstancePre, Linker, Module, Store};
use crate::harness::{Case, block_on, repeat};

/// A little of everything that instances have.
const SMALL: &str = r#"(module
    (import "host" "log" (func $log (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "sixteen bytes of")
    (table 4 funcref)
    (elem (i32.const 0) $log $run)
    (global (mut i32) (i32.const 7))
    (func $run (export "run") (call $log (i32.const 1))))"#;

/// A program of rustc's, with a shadow stack, an allocator and 1 MiB of memory. Its start function asks for `config`.
const GREETER: &[u8] = include_bytes!("../../../examples/guests/greeter.wasm");

const CONFIG: &[u8] = b"greeting=Hello\nprefix=user:\ndelay_ms=1\n";

/// An empty store, then instances in it.
///
/// # Errors
///
/// The modules could not be set up.
pub fn cases() -> Result<Vec<Case>> {
    let engine = Engine::default();

    let small = Module::new(&engine, SMALL)?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "log", |_: i32| {})?;
    let small = linker.instantiate_pre(&small)?;

    let greeter = Module::new(&engine, GREETER)?;
    let sync = greeter_sync(&engine)?.instantiate_pre(&greeter)?;
    let awaiting = greeter_async(&engine)?.instantiate_pre(&greeter)?;

    Ok(vec![
        empty(engine),
        instantiate("small, sync", small.clone()),
        instantiate_async("small, async", small),
        instantiate("greeter, sync", sync),
        instantiate_async("greeter, async, async import", awaiting),
    ])
}

fn empty(engine: Engine) -> Case {
    Case::new("store alone", move |n| {
        repeat(n, || {
            drop(Store::new(&engine, ()));
            Ok::<_, anyhow::Error>(())
        })
    })
}

fn instantiate(name: &str, pre: InstancePre<()>) -> Case {
    Case::new(name, move |n| {
        repeat(n, || {
            let mut store = Store::new(pre.module().engine(), ());
            pre.instantiate(&mut store).map(drop)
        })
    })
}

fn instantiate_async(name: &str, pre: InstancePre<()>) -> Case {
    Case::new(name, move |n| {
        repeat(n, || {
            let mut store = Store::new(pre.module().engine(), ());
            block_on(pre.instantiate_async(&mut store)).map(drop)
        })
    })
}

fn greeter_sync(engine: &Engine) -> Result<Linker<()>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "config", write_config)?;
    linker.func_wrap("host", "kv_get", |_: i32, _: i32, _: i32, _: i32| -1)?;
    linker.func_wrap("host", "sleep_ms", |_: i32| {})?;
    Ok(linker)
}

fn greeter_async(engine: &Engine) -> Result<Linker<()>> {
    let mut linker = greeter_sync(engine)?;
    linker.allow_shadowing(true);
    linker.func_wrap_async("host", "config", |caller, (buf, cap): (u32, u32)| {
        Box::new(async move { write_config(caller, buf, cap) })
    })?;
    Ok(linker)
}

fn write_config(mut caller: Caller<'_, ()>, buf: u32, cap: u32) -> runtime::Result<i32> {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let memory = memory.ok_or_else(|| runtime::Error::msg("no memory"))?;
    let fits = CONFIG.len().min(cap as usize);
    memory.write(&mut caller, buf as usize, &CONFIG[..fits])?;
    Ok(i32::try_from(CONFIG.len())?)
}
