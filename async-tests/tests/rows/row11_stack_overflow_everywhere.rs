//! A guest that uses up its stack gets a trap, wherever it runs: on the thread's stack, on a fiber, on a fiber of a fiber, with
//! small frames and with enormous ones, and right below a host function that needs stack of its own.

use std::fmt::Write;
use std::hint::black_box;

use tussah::{Caller, Config, Engine, Extern, Instance, Linker, Result, Store, Trap};
use tussah_async_tests::executor::block_on;
use tussah_async_tests::future::suspend;
use tussah_async_tests::{engine, isolated, module};

const GUEST: &str = r#"
    (module
        (import "h" "nest" (func $nest (param i32)))
        (import "h" "host" (func $host))
        (global $depth (export "depth") (mut i32) (i32.const 0))
        (func $count (global.set $depth (i32.add (global.get $depth) (i32.const 1))))
        (func $recurse (export "recurse") (param i64 i64) (result i64)
            (call $count)
            (i64.add (local.get 1) (call $recurse (local.get 1) (local.get 0))))
        (func $ping (export "ping") (call $count) (call $pong) (call $count))
        (func $pong (call $count) (call $ping) (call $count))
        (func $calls-host (export "calls-host")
            (call $count) (call $host) (call $calls-host) (call $count))
        (func (export "nest") (param i32) (call $count) (call $nest (local.get 0)) (call $count))
        (func (export "fine") (result i32) (i32.const 7)))"#;

fn overflows<T: std::fmt::Debug>(result: Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(
        error.downcast_ref::<Trap>(),
        Some(&Trap::StackOverflow),
        "{error:?}"
    );
}

/// Uses about so much of the host's stack.
#[inline(never)]
fn use_stack<const N: usize>() {
    black_box([0_u8; N]);
}

/// The depth a guest has reached since it was asked last.
fn depth(store: &mut Store<()>, instance: Instance) -> i32 {
    let depth = instance.get_global(&mut *store, "depth").unwrap();
    let reached = depth.get(&mut *store).i32().unwrap();
    depth.set(&mut *store, 0.into()).unwrap();
    reached
}

fn sync_guest(engine: &Engine, host: fn()) -> (Store<()>, Instance) {
    let mut linker = Linker::new(engine);
    linker.func_wrap("h", "host", host).unwrap();
    linker
        .func_wrap("h", "nest", |mut caller: Caller<'_, ()>, left: i32| {
            let name = if left == 0 { "ping" } else { "nest" };
            let func = caller
                .get_export(name)
                .and_then(Extern::into_func)
                .expect("an export");
            match left {
                0 => func.typed::<(), ()>(&caller)?.call(&mut caller, ()),
                _ => func.typed::<i32, ()>(&caller)?.call(&mut caller, left - 1),
            }
        })
        .unwrap();
    let mut store = Store::new(engine, ());
    let instance = linker
        .instantiate(&mut store, &module(engine, GUEST))
        .unwrap();
    (store, instance)
}

fn async_guest(engine: &Engine, host: fn()) -> (Store<()>, Instance) {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap_async("h", "host", move |_: Caller<'_, ()>, (): ()| {
            Box::new(async move {
                host();
                suspend(1).await;
                host();
            })
        })
        .unwrap();
    linker
        .func_wrap_async(
            "h",
            "nest",
            |mut caller: Caller<'_, ()>, (left,): (i32,)| {
                Box::new(async move {
                    let name = if left == 0 { "ping" } else { "nest" };
                    let func = caller
                        .get_export(name)
                        .and_then(Extern::into_func)
                        .expect("an export");
                    match left {
                        0 => {
                            func.typed::<(), ()>(&caller)?
                                .call_async(&mut caller, ())
                                .await
                        }
                        _ => {
                            func.typed::<i32, ()>(&caller)?
                                .call_async(&mut caller, left - 1)
                                .await
                        }
                    }
                })
            },
        )
        .unwrap();
    let mut store = Store::new(engine, ());
    let instance = block_on(linker.instantiate_async(&mut store, &module(engine, GUEST))).unwrap();
    (store, instance)
}

/// One function with so many locals of 16 bytes, all alive across its call of itself.
fn big_frame(locals: usize) -> String {
    let mut text = String::from("(module (memory 1) (func $f (export \"f\") (param i32)");
    writeln!(text, "(local{})", " i64".repeat(locals)).unwrap();
    for i in 1..=locals {
        write!(
            text,
            "(local.set {i} (i64.load offset={} (local.get 0)))",
            i % 1000
        )
        .unwrap();
    }
    text.push_str("\n(call $f (i32.and (local.get 0) (i32.const 255)))\n");
    for i in 1..=locals {
        write!(
            text,
            "(i64.store offset={} (local.get 0) (local.get {i}))",
            i % 1000
        )
        .unwrap();
    }
    text.push_str("))");
    text
}

fn stacks(wasm: usize, fiber: usize) -> Engine {
    let mut config = Config::new();
    config.max_wasm_stack(wasm).async_stack_size(fiber);
    Engine::new(&config).unwrap()
}

const KIB: usize = 1 << 10;

isolated! {
    60 => fn row11_recursion_on_the_threads_stack() {
        let (mut store, instance) = sync_guest(&engine(false, false), || ());
        let recurse = instance.get_typed_func::<(i64, i64), i64>(&mut store, "recurse").unwrap();
        let ping = instance.get_typed_func::<(), ()>(&mut store, "ping").unwrap();
        let fine = instance.get_typed_func::<(), i32>(&mut store, "fine").unwrap();
        let mut first = None;
        for _ in 0..5 {
            overflows(recurse.call(&mut store, (1, 2)));
            let reached = depth(&mut store, instance);
            overflows(ping.call(&mut store, ()));
            let reached = (reached, depth(&mut store, instance));
            assert!(reached.0 > 1_000 && reached.1 > 1_000, "{reached:?}");
            assert_eq!(*first.get_or_insert(reached), reached, "the limit moved");
            assert_eq!(fine.call(&mut store, ()).unwrap(), 7);
        }
    }

    60 => fn row11_recursion_on_a_fiber() {
        let (mut store, instance) = async_guest(&engine(false, false), || ());
        let recurse = instance.get_typed_func::<(i64, i64), i64>(&mut store, "recurse").unwrap();
        let ping = instance.get_typed_func::<(), ()>(&mut store, "ping").unwrap();
        let fine = instance.get_typed_func::<(), i32>(&mut store, "fine").unwrap();
        let mut first = None;
        for _ in 0..5 {
            overflows(block_on(recurse.call_async(&mut store, (1, 2))));
            let reached = depth(&mut store, instance);
            overflows(block_on(ping.call_async(&mut store, ())));
            let reached = (reached, depth(&mut store, instance));
            assert!(reached.0 > 1_000 && reached.1 > 1_000, "{reached:?}");
            assert_eq!(*first.get_or_insert(reached), reached, "the limit moved");
            assert_eq!(block_on(fine.call_async(&mut store, ())).unwrap(), 7);
        }
    }

    60 => fn row11_recursion_on_threads_with_small_stacks() {
        let engine = stacks(64 * KIB, 256 * KIB);
        for stack in [512, 1024] {
            let engine = engine.clone();
            let thread = std::thread::Builder::new().stack_size(stack * KIB).spawn(move || {
                let (mut store, instance) = sync_guest(&engine, || ());
                let ping = instance.get_typed_func::<(), ()>(&mut store, "ping").unwrap();
                overflows(ping.call(&mut store, ()));
            });
            thread.unwrap().join().unwrap();
        }
    }

    60 => fn row11_recursion_on_nested_fibers() {
        let (mut store, instance) = async_guest(&engine(false, false), || ());
        let nest = instance.get_typed_func::<i32, ()>(&mut store, "nest").unwrap();
        for left in [0, 1, 5, 50] {
            overflows(block_on(nest.call_async(&mut store, left)));
            assert!(depth(&mut store, instance) > 1_000);
        }
    }

    60 => fn row11_nested_entries_share_one_limit() {
        let (mut store, instance) = sync_guest(&engine(false, false), || ());
        let ping = instance.get_typed_func::<(), ()>(&mut store, "ping").unwrap();
        let nest = instance.get_typed_func::<i32, ()>(&mut store, "nest").unwrap();
        overflows(ping.call(&mut store, ()));
        let alone = depth(&mut store, instance);
        // Each entry uses some of what the outermost was given; none of them gets that much again.
        overflows(nest.call(&mut store, 20));
        let nested = depth(&mut store, instance);
        assert!(nested < alone, "{nested} levels below twenty entries, {alone} without them");
        overflows(nest.call(&mut store, i32::MAX));
    }

    60 => fn row11_enormous_frames() {
        let text = big_frame(20_000);
        for (wasm, fiber) in [(512 * KIB, 2048 * KIB), (200 * KIB, 400 * KIB), (64 * KIB, 128 * KIB), (1024 * KIB, 1100 * KIB)] {
            let engine = stacks(wasm, fiber);
            let module = module(&engine, &text);
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let f = instance.get_typed_func::<i32, ()>(&mut store, "f").unwrap();
            overflows(f.call(&mut store, 0));
            overflows(block_on(f.call_async(&mut store, 0)));
            overflows(f.call(&mut store, 0));
        }
    }

    60 => fn row11_a_host_function_near_the_limit_has_its_own_share() {
        // On a fiber the host gets what `max_wasm_stack` leaves of `async_stack_size`, at every depth of the guest.
        for (wasm, fiber) in [(512 * KIB, 2048 * KIB), (64 * KIB, 1024 * KIB), (16 * KIB, 512 * KIB)] {
            let engine = stacks(wasm, fiber);
            let (mut store, instance) = async_guest(&engine, use_stack::<{ 200 << 10 }>);
            let calls = instance.get_typed_func::<(), ()>(&mut store, "calls-host").unwrap();
            overflows(block_on(calls.call_async(&mut store, ())));
            assert!(depth(&mut store, instance) > 50);
        }
        let (mut store, instance) = sync_guest(&engine(false, false), use_stack::<{ 200 << 10 }>);
        let calls = instance.get_typed_func::<(), ()>(&mut store, "calls-host").unwrap();
        overflows(calls.call(&mut store, ()));
        assert!(depth(&mut store, instance) > 1_000);
    }

    60 => fn row11_limits_that_cannot_hold_are_refused() {
        for (wasm, fiber) in [(0, 2048 * KIB), (2048 * KIB, 1024 * KIB), (4096 * KIB, 4095 * KIB)] {
            let mut config = Config::new();
            config.max_wasm_stack(wasm).async_stack_size(fiber);
            let error = Engine::new(&config).expect_err("no such engine");
            assert!(error.to_string().contains("max_wasm_stack"), "{error}");
        }
    }
}
