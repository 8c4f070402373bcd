//! What a store with a fresh instance costs, from [`Store::new`] until it is dropped.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::config;
use super::runtime::{Engine, Instance, InstancePre, Linker, Module, Store};
use crate::case::{Batch, Case, repeat};
use crate::poll::block_on;

/// Every guest exports `check`, which returns this if the instance is as it should be.
const CHECK: i32 = 1234;

/// As little as there can be.
const TINY: &str = r#"(module (func (export "check") (result i32) (i32.const 1234)))"#;

/// A little of everything that instances have.
const SMALL: &str = r#"(module
    (import "host" "log" (func $log (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "\d2\04\00\00 sixteen bytes")
    (table 4 funcref)
    (elem (i32.const 0) $log $check)
    (global (mut i32) (i32.const 16))
    (func $check (export "check") (result i32)
        (call $log (i32.const 1))
        (i32.load (global.get 0))))"#;

const FUNCTIONS: usize = 2_000;
const PAGES_OF_DATA: usize = 4;

type Guest = fn() -> String;

/// An empty store, then instances in it.
#[must_use]
pub fn cases() -> Vec<Case> {
    let guests: [(&str, Guest); 4] = [
        ("tiny", || TINY.to_owned()),
        ("small, memory, table, import", || SMALL.to_owned()),
        ("memory of 1 MiB, 256 KiB of data", data),
        ("2,000 functions, table of 2,000", functions),
    ];
    let mut cases = vec![Case::new("store alone", || {
        let engine = Engine::new(&config::new())?;
        Ok(move |n| {
            repeat(n, || {
                drop(Store::new(&engine, ()));
                Ok::<_, anyhow::Error>(0)
            })
        })
    })];
    for (name, guest) in guests {
        cases.push(Case::new(format!("{name}, sync"), move || sync(guest)).sets(&["instances"]));
        let case = Case::new(format!("{name}, async"), move || asynchronous(guest));
        cases.push(case.sets(&["instances"]));
    }
    cases
}

/// Every page is initialized; the sum of a word in each is [`CHECK`].
fn data() -> String {
    let mut text =
        r#"(module (memory 16) (func (export "check") (result i32) (i32.const 0)"#.to_owned();
    let kilobytes = PAGES_OF_DATA * 64;
    for kilobyte in 0..kilobytes {
        let at = kilobyte * 1024;
        _ = write!(text, "(i32.add (i32.load (i32.const {at})))");
    }
    text += ")";
    for kilobyte in 0..kilobytes {
        let word = if kilobyte == 0 { 0x03d3 } else { 1 };
        let [low, high] = u16::to_le_bytes(word);
        let at = kilobyte * 1024;
        let rest = "x".repeat(1020);
        _ = write!(
            text,
            r#"(data (i32.const {at}) "\{low:02x}\{high:02x}\00\00{rest}")"#
        );
    }
    text + ")"
}

/// Every function is in the table. The last one returns [`CHECK`].
fn functions() -> String {
    let mut text = format!("(module (table {FUNCTIONS} funcref) (elem (i32.const 0) func");
    for function in 0..FUNCTIONS {
        _ = write!(text, " {function}");
    }
    text += ")";
    let first = i64::from(CHECK) - (FUNCTIONS as i64 - 1);
    for function in 0..FUNCTIONS as i64 {
        _ = write!(text, "(func (result i32) (i32.const {}))", first + function);
    }
    let last = FUNCTIONS - 1;
    _ = write!(
        text,
        r#"(func (export "check") (result i32) (call_indirect (result i32) (i32.const {last}))))"#
    );
    text
}

fn prepare(guest: Guest) -> Result<InstancePre<()>> {
    let engine = Engine::new(&config::new())?;
    let module = Module::new(&engine, guest())?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "log", |_: i32| {})?;
    Ok(linker.instantiate_pre(&module)?)
}

fn sync(guest: Guest) -> Result<impl FnMut(u64) -> Result<Batch>> {
    let pre = prepare(guest)?;
    Ok(move |n| {
        let mut store = Store::new(pre.module().engine(), ());
        let instance = pre.instantiate(&mut store)?;
        check(&mut store, instance)?;
        repeat(n, || {
            let mut store = Store::new(pre.module().engine(), ());
            pre.instantiate(&mut store).map(|_| 0)
        })
    })
}

fn asynchronous(guest: Guest) -> Result<impl FnMut(u64) -> Result<Batch>> {
    let pre = prepare(guest)?;
    Ok(move |n| {
        let mut store = Store::new(pre.module().engine(), ());
        let instance = block_on(pre.instantiate_async(&mut store))?;
        check(&mut store, instance)?;
        repeat(n, || {
            let mut store = Store::new(pre.module().engine(), ());
            block_on(pre.instantiate_async(&mut store)).map(|_| 0)
        })
    })
}

/// Of one instance before each batch, outside of its time.
fn check(store: &mut Store<()>, instance: Instance) -> Result<()> {
    let check = instance.get_typed_func::<(), i32>(&mut *store, "check")?;
    let result = check.call(&mut *store, ())?;
    ensure!(result == CHECK, "the instance says {result}");
    Ok(())
}
