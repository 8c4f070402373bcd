//! What it costs that a guest can be interrupted, while nobody does.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::runtime::{Config, Engine, Instance, Module, Store};
use crate::harness::{Batch, Case};

const KERNELS: &str = r#"(module
    (memory 4)

    ;; Calls and little else.
    (func $fib (export "fib") (param $n i32) (result i64)
        (if (result i64) (i32.lt_u (local.get $n) (i32.const 2))
            (then (i64.extend_i32_u (local.get $n)))
            (else (i64.add
                (call $fib (i32.sub (local.get $n) (i32.const 1)))
                (call $fib (i32.sub (local.get $n) (i32.const 2)))))))

    ;; One tight loop in registers: a xorshift generator.
    (func (export "i64 loop") (param $n i32) (result i64)
        (local $x i64)
        (local.set $x (i64.const 88172645463325252))
        (loop $again
            (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
            (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
            (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 17))))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $x))

    ;; Nested loops over memory: counts the primes below $n.
    (func (export "sieve") (param $n i32) (result i64)
        (local $i i32) (local $j i32) (local $count i64)
        (memory.fill (i32.const 0) (i32.const 0) (local.get $n))
        (local.set $i (i32.const 2))
        (loop $next
            (if (i32.eqz (i32.load8_u (local.get $i)))
                (then
                    (local.set $count (i64.add (local.get $count) (i64.const 1)))
                    (local.set $j (i32.shl (local.get $i) (i32.const 1)))
                    (block $done
                        (loop $strike
                            (br_if $done (i32.ge_u (local.get $j) (local.get $n)))
                            (i32.store8 (local.get $j) (i32.const 1))
                            (local.set $j (i32.add (local.get $j) (local.get $i)))
                            (br $strike)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
        (local.get $count)))"#;

/// More than any batch burns.
const FUEL: u64 = u64::MAX >> 1;
/// A deadline that no epoch reaches.
const NEVER: u64 = u64::MAX >> 1;

/// A kernel: an export, its argument, and the result it must have.
type Kernel = (&'static str, i32, i64);

/// Each kernel plain, then checking for epochs, then counting fuel.
///
/// # Errors
///
/// A kernel could not be set up.
pub fn cases() -> Result<Vec<Case>> {
    let kernels: [Kernel; 3] = [
        ("fib", 24, 46_368),
        ("i64 loop", 500_000, xorshift(500_000)),
        ("sieve", 200_000, 17_984),
    ];
    let mut cases = Vec::new();
    for kernel in kernels {
        let plain = format!("{}, plain", kernel.0);
        cases.push(case(&plain, kernel, &Config::new())?);
        for (mode, config) in [
            ("epoch", Config::new().epoch_interruption(true)),
            ("fuel", Config::new().consume_fuel(true)),
        ] {
            let name = format!("{}, {mode}", kernel.0);
            cases.push(case(&name, kernel, config)?.over(plain.clone()));
        }
    }
    Ok(cases)
}

fn xorshift(n: u32) -> i64 {
    let mut x = 88_172_645_463_325_252_u64;
    for _ in 0..n {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    x.cast_signed()
}

fn case(name: &str, (export, argument, expected): Kernel, config: &Config) -> Result<Case> {
    let engine = Engine::new(config)?;
    let module = Module::new(&engine, KERNELS)?;
    let mut store = Store::new(&engine, ());
    let fuel = store.set_fuel(FUEL).is_ok();
    // Checked in engines with epochs only; without a deadline the first check would trap.
    store.set_epoch_deadline(NEVER);
    let instance = Instance::new(&mut store, &module, &[])?;
    let kernel = instance.get_typed_func::<i32, i64>(&mut store, export)?;
    Ok(Case::new(name, move |n| {
        if fuel {
            store.set_fuel(FUEL)?;
        }
        let start = Instant::now();
        for _ in 0..n {
            let result = kernel.call(&mut store, argument)?;
            ensure!(result == expected, "{result} instead of {expected}");
        }
        Ok(Batch {
            elapsed: start.elapsed(),
            operations: n,
        })
    }))
}
