//! A trap ends guest frames only: every host frame between them is left by the ordinary way, its destructors run, and each level
//! of a nest guest -> host -> guest may pass the failure on or swallow it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use tussah::{Caller, Engine, Linker, Result, Store, Trap, TypedFunc, bail};
use tussah_async_tests::count::Guards;
use tussah_async_tests::executor::block_on;
use tussah_async_tests::future::suspend;
use tussah_async_tests::{engine, isolated, module};

const DEPTH: i32 = 5;

/// `go(depth, how)` calls the host, which calls `go(depth - 1, how)`; at the bottom the guest fails in the way asked for.
const GUEST: &str = r#"
    (module
        (import "h" "nest" (func $nest (param i32 i32) (result i32)))
        (import "h" "fail" (func $fail (param i32)))
        (memory 1 1)
        (table 2 funcref)
        (func (export "go") (param $depth i32) (param $how i32) (result i32)
            (if (i32.eqz (local.get $depth)) (then (return (call $bottom (local.get $how)))))
            (i32.add (i32.const 1) (call $nest (local.get $depth) (local.get $how))))
        (func $recurse (param i32) (result i32) (i32.add (i32.const 1) (call $recurse (local.get 0))))
        (func $bottom (param $how i32) (result i32)
            (block $unreachable (block $load (block $store (block $divide (block $overflow (block $convert
            (block $null (block $table (block $stack (block $host
                (br_table $unreachable $load $store $divide $overflow $convert $null $table $stack $host
                    (local.get $how)))
                (call $fail (local.get $how)) (return (i32.const 0)))
                (return (call $recurse (i32.const 0))))
                (call_indirect (i32.const 9)) (return (i32.const 0)))
                (call_indirect (i32.const 1)) (return (i32.const 0)))
                (return (i32.trunc_f32_s (f32.const nan))))
                (return (i32.div_s (i32.const 0x80000000) (i32.const -1))))
                (return (i32.div_u (i32.const 1) (i32.load (i32.const 0)))))
                (i32.store (i32.const 65536) (i32.const 1)) (return (i32.const 0)))
                (return (i32.load offset=0xfffffff0 (i32.const 65536))))
            (unreachable)))"#;

const TRAPS: [Trap; 9] = [
    Trap::UnreachableCodeReached,
    Trap::MemoryOutOfBounds,
    Trap::MemoryOutOfBounds,
    Trap::IntegerDivisionByZero,
    Trap::IntegerOverflow,
    Trap::BadConversionToInteger,
    Trap::IndirectCallToNull,
    Trap::TableOutOfBounds,
    Trap::StackOverflow,
];

/// Where `how` stops being a trap: an error and a panic of the host itself.
const HOST_ERROR: i32 = 9;
const HOST_PANIC: i32 = 10;

#[derive(Default)]
struct Host {
    guards: Guards,
    /// Below this depth failures are swallowed, not passed on.
    swallow_at: i32,
    swallowed: u32,
}

type Go = TypedFunc<(i32, i32), i32>;

fn fail(_: Caller<'_, Host>, how: i32) -> Result<()> {
    match how {
        HOST_ERROR => bail!("the host refuses"),
        _ => panic!("the host panics"),
    }
}

fn go(caller: &mut Caller<'_, Host>) -> Result<Go> {
    let export = caller.get_export("go").and_then(tussah::Extern::into_func);
    export.expect("the guest's own export").typed(&caller)
}

fn swallow(caller: &mut Caller<'_, Host>, depth: i32, result: Result<i32>) -> Result<i32> {
    if result.is_err() && depth == caller.data().swallow_at {
        caller.data_mut().swallowed += 1;
        return Ok(0);
    }
    result
}

fn sync_store(engine: &Engine) -> (Store<Host>, Go) {
    let mut linker = Linker::new(engine);
    linker.func_wrap("h", "fail", fail).unwrap();
    linker
        .func_wrap(
            "h",
            "nest",
            |mut caller: Caller<'_, Host>, depth: i32, how: i32| {
                let _guard = caller.data().guards.guard();
                let result = go(&mut caller)?.call(&mut caller, (depth - 1, how));
                swallow(&mut caller, depth, result)
            },
        )
        .unwrap();
    let mut store = Store::new(engine, Host::default());
    let instance = linker
        .instantiate(&mut store, &module(engine, GUEST))
        .unwrap();
    let go = instance.get_typed_func(&mut store, "go").unwrap();
    (store, go)
}

fn async_store(engine: &Engine, suspensions: u32) -> (Store<Host>, Go) {
    let mut linker = Linker::new(engine);
    linker.func_wrap("h", "fail", fail).unwrap();
    linker
        .func_wrap_async(
            "h",
            "nest",
            move |mut caller: Caller<'_, Host>, (depth, how): (i32, i32)| {
                Box::new(async move {
                    let _guard = caller.data().guards.guard();
                    suspend(suspensions).await;
                    let result = go(&mut caller)?
                        .call_async(&mut caller, (depth - 1, how))
                        .await;
                    suspend(suspensions).await;
                    swallow(&mut caller, depth, result)
                })
            },
        )
        .unwrap();
    let mut store = Store::new(engine, Host::default());
    let instance = block_on(linker.instantiate_async(&mut store, &module(engine, GUEST))).unwrap();
    let go = instance.get_typed_func(&mut store, "go").unwrap();
    (store, go)
}

type Call<'a> = &'a dyn Fn(&mut Store<Host>, i32) -> Result<i32>;

/// Every way to fail, at depth five.
fn check(store: &mut Store<Host>, call: Call<'_>) {
    let levels = usize::try_from(DEPTH).unwrap();
    for how in 0..=HOST_PANIC {
        let made = store.data().guards.made();
        let outcome = catch_unwind(AssertUnwindSafe(|| call(&mut *store, how)));
        assert_eq!(
            store.data().guards.made() - made,
            levels,
            "{how}: not all levels were reached"
        );
        assert_eq!(
            store.data().guards.alive(),
            0,
            "{how}: a host frame was skipped"
        );
        match (how, outcome) {
            (HOST_PANIC, Err(payload)) => {
                assert_eq!(payload.downcast_ref::<&str>(), Some(&"the host panics"));
            }
            (HOST_ERROR, Ok(result)) => {
                let error = format!("{:?}", result.unwrap_err());
                assert!(error.contains("the host refuses"), "{error}");
            }
            (_, Ok(result)) => {
                let error = result.unwrap_err();
                let expected = &TRAPS[usize::try_from(how).unwrap()];
                assert_eq!(error.downcast_ref::<Trap>(), Some(expected), "{error:?}");
            }
            (_, Err(_)) => panic!("{how} panicked"),
        }
    }
}

/// Each level in turn swallows the failure; those above it go on as if nothing had happened.
fn check_swallowed(store: &mut Store<Host>, call: Call<'_>) {
    for swallow_at in 1..=DEPTH {
        for how in 0..=HOST_ERROR {
            store.data_mut().swallow_at = swallow_at;
            store.data_mut().swallowed = 0;
            assert_eq!(
                call(store, how).unwrap(),
                DEPTH - swallow_at + 1,
                "{how} swallowed at {swallow_at}"
            );
            assert_eq!(store.data().swallowed, 1);
            assert_eq!(store.data().guards.alive(), 0);
        }
    }
    store.data_mut().swallow_at = 0;
    check(store, call);
}

isolated! {
    60 => fn row06_sync_nest_of_five() {
        let (mut store, go) = sync_store(&engine(false, false));
        let call = |store: &mut Store<Host>, how| go.call(store, (DEPTH, how));
        check(&mut store, &call);
        check_swallowed(&mut store, &call);
    }

    60 => fn row06_async_nest_of_five() {
        for suspensions in [0, 1, 3] {
            let (mut store, go) = async_store(&engine(false, false), suspensions);
            let call = |store: &mut Store<Host>, how| block_on(go.call_async(store, (DEPTH, how)));
            check(&mut store, &call);
            check_swallowed(&mut store, &call);
        }
    }

    60 => fn row06_explicit_checks_instead_of_signals() {
        let mut config = tussah::Config::new();
        config.signals_based_traps(false);
        let engine = Engine::new(&config).unwrap();
        let (mut store, go) = sync_store(&engine);
        check(&mut store, &|store, how| go.call(store, (DEPTH, how)));
        let (mut store, go) = async_store(&engine, 1);
        check(&mut store, &|store, how| block_on(go.call_async(store, (DEPTH, how))));
    }

    60 => fn row06_interruption_runs_destructors_too() {
        const SPIN: &str = r#"
            (module
                (import "h" "nest" (func $nest (param i32)))
                (func (export "go") (param i32)
                    (if (local.get 0) (then (call $nest (local.get 0))))
                    (loop $again (br $again))))"#;
        type Spin = TypedFunc<i32, ()>;
        fn nested(mut caller: Caller<'_, Guards>, depth: i32) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
            Box::pin(async move {
                let _guard = caller.data().guard();
                let func = caller.get_export("go").and_then(tussah::Extern::into_func).unwrap();
                let spin: Spin = func.typed(&caller)?;
                spin.call_async(&mut caller, depth - 1).await
            })
        }
        for fuel in [true, false] {
            let engine = engine(fuel, !fuel);
            let mut linker = Linker::new(&engine);
            linker
                .func_wrap_async("h", "nest", |caller: Caller<'_, Guards>, (depth,): (i32,)| {
                    Box::new(nested(caller, depth))
                })
                .unwrap();
            let mut store = Store::new(&engine, Guards::default());
            let module = module(&engine, SPIN);
            if fuel {
                store.set_fuel(10_000).unwrap();
            } else {
                store.set_epoch_deadline(3);
            }
            let instance = block_on(linker.instantiate_async(&mut store, &module)).unwrap();
            let spin: Spin = instance.get_typed_func(&mut store, "go").unwrap();
            let clock = engine.clone();
            let ticker = std::thread::spawn(move || {
                for _ in 0..3 {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    clock.increment_epoch();
                }
            });
            let error = block_on(spin.call_async(&mut store, DEPTH)).unwrap_err();
            ticker.join().unwrap();
            let expected = if fuel { Trap::OutOfFuel } else { Trap::Interrupt };
            assert_eq!(error.downcast_ref::<Trap>(), Some(&expected), "{error:?}");
            assert_eq!(store.data().made(), usize::try_from(DEPTH).unwrap());
            assert_eq!(store.data().alive(), 0);
        }
    }
}
