//! A suspended call belongs to no thread: an executor that polls every time on a new thread sees nothing stale, neither in
//! thread-local state nor in the fiber.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

use tussah::{Caller, Engine, Extern, InstancePre, Linker, Result, Store, Trap};
use tussah_async_tests::future::suspend;
use tussah_async_tests::{engine, isolated, module};

/// Suspends in each turn, keeps its sum in memory, and every tenth turn calls through the host into itself, where it suspends again
/// and then fails.
const GUEST: &str = r#"
    (module
        (import "h" "wait" (func $wait (param i32) (result i32)))
        (import "h" "nest" (func $nest (param i32) (result i32)))
        (memory 1)
        (func (export "go") (param $n i32) (result i32)
            (loop $again
                (i32.store (i32.const 64)
                    (i32.add (i32.load (i32.const 64)) (call $wait (local.get $n))))
                (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 10)))
                    (then (i32.store (i32.const 64)
                        (i32.add (i32.load (i32.const 64)) (call $nest (local.get $n))))))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (i32.load (i32.const 64)))
        (func (export "fail") (param $how i32)
            (drop (call $wait (i32.const 0)))
            (if (local.get $how) (then (drop (i32.load (i32.const 0x7fffffff)))))
            (unreachable)))"#;

#[derive(Default)]
struct Host {
    /// Where the last poll was.
    last: Option<ThreadId>,
    traps: u32,
}

type Call = Pin<Box<dyn Future<Output = Result<i32>> + Send>>;

fn pre(engine: &Engine) -> InstancePre<Host> {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap_async(
            "h",
            "wait",
            |mut caller: Caller<'_, Host>, (value,): (i32,)| {
                Box::new(async move {
                    caller.data_mut().last = Some(thread::current().id());
                    suspend(1).await;
                    let here = Some(thread::current().id());
                    assert_ne!(caller.data().last, here, "polled twice on one thread");
                    value
                })
            },
        )
        .unwrap();
    linker
        .func_wrap_async(
            "h",
            "nest",
            |mut caller: Caller<'_, Host>, (value,): (i32,)| {
                Box::new(async move {
                    let fail = caller
                        .get_export("fail")
                        .and_then(Extern::into_func)
                        .expect("an export");
                    let fail = fail.typed::<i32, ()>(&caller)?;
                    let how = value / 10 % 2;
                    let error = fail.call_async(&mut caller, how).await.unwrap_err();
                    let expected = if how == 0 {
                        Trap::UnreachableCodeReached
                    } else {
                        Trap::MemoryOutOfBounds
                    };
                    assert_eq!(error.downcast_ref::<Trap>(), Some(&expected), "{error:?}");
                    caller.data_mut().traps += 1;
                    Ok(1000)
                })
            },
        )
        .unwrap();
    linker.instantiate_pre(&module(engine, GUEST)).unwrap()
}

fn call(engine: &Engine, pre: &InstancePre<Host>, turns: i32) -> Call {
    let (engine, pre) = (engine.clone(), pre.clone());
    Box::pin(async move {
        let mut store = Store::new(&engine, Host::default());
        let instance = pre.instantiate_async(&mut store).await?;
        let go = instance.get_typed_func::<i32, i32>(&mut store, "go")?;
        let sum = go.call_async(&mut store, turns).await?;
        assert_eq!(store.data().traps, u32::try_from(turns / 10).unwrap());
        Ok(sum)
    })
}

/// What `go(turns)` answers.
fn sum(turns: i32) -> i32 {
    turns * (turns + 1) / 2 + turns / 10 * 1000
}

/// A guest that never suspends, called on each thread after others' calls were polled there: it must find the thread clean.
fn plain_call(engine: &Engine, module: &tussah::Module) {
    let mut store = Store::new(engine, ());
    let instance = tussah::Instance::new(&mut store, module, &[]).unwrap();
    let deep = instance
        .get_typed_func::<i32, i32>(&mut store, "deep")
        .unwrap();
    assert_eq!(deep.call(&mut store, 100).unwrap(), 100);
    let fail = instance
        .get_typed_func::<(), ()>(&mut store, "fail")
        .unwrap();
    let error = fail.call(&mut store, ()).unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::MemoryOutOfBounds));
}

const PLAIN: &str = r#"
    (module
        (memory 1)
        (func $deep (export "deep") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.const 0))))
        (func (export "fail") (drop (i32.load (i32.const 65536)))))"#;

/// Polls every call once, each round on a thread that did not exist before. Returns how many polls there were.
fn migrate(mut calls: Vec<Call>, turns: i32) -> usize {
    let engine = engine(false, false);
    let plain = module(&engine, PLAIN);
    let mut polls = 0;
    while !calls.is_empty() {
        let (engine, plain) = (&engine, &plain);
        polls += calls.len();
        calls = thread::scope(|scope| {
            let round = scope.spawn(move || {
                let mut cx = Context::from_waker(Waker::noop());
                calls.retain_mut(|call| match call.as_mut().poll(&mut cx) {
                    Poll::Pending => true,
                    Poll::Ready(result) => {
                        assert_eq!(result.unwrap(), sum(turns));
                        false
                    }
                });
                plain_call(engine, plain);
                calls
            });
            round
                .join()
                .unwrap_or_else(|payload| std::panic::resume_unwind(payload))
        });
    }
    polls
}

isolated! {
    180 => fn row08_a_million_polls_each_on_a_new_thread() {
        let engine = engine(false, false);
        let pre = pre(&engine);
        let turns = 1_000;
        // Two lines of threads at once, so that calls also run beside each other.
        let polls: usize = thread::scope(|scope| {
            let line = || {
                let calls = (0..460).map(|_| call(&engine, &pre, turns)).collect();
                migrate(calls, turns)
            };
            let lines = [scope.spawn(line), scope.spawn(line)];
            lines.map(|line| line.join().unwrap()).iter().sum()
        });
        assert!(polls >= 1_000_000, "{polls}");
    }

    120 => fn row08_a_few_calls_on_very_many_threads() {
        let engine = engine(false, false);
        let pre = pre(&engine);
        let turns = 18_000;
        let polls = migrate(vec![call(&engine, &pre, turns)], turns);
        assert!(polls > 19_000, "{polls}");
    }

    60 => fn row08_epoch_and_fuel_yields_migrate_too() {
        const SPIN: &str = r#"
            (module (func (export "spin") (param $n i32) (result i32) (local $s i32)
                (loop $again
                    (local.set $s (i32.add (local.get $s) (local.get $n)))
                    (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (local.get $s)))"#;
        let engine = engine(true, true);
        let module = module(&engine, SPIN);
        let turns = 10_000;
        let calls = (0..50)
            .map(|i| {
                let (engine, module) = (engine.clone(), module.clone());
                Box::pin(async move {
                    let mut store = Store::new(&engine, ());
                    store.set_fuel(1 << 40)?;
                    store.set_epoch_deadline(1);
                    store.epoch_deadline_async_yield_and_update(1);
                    store.fuel_async_yield_interval(Some(500 + i))?;
                    let instance = tussah::Instance::new_async(&mut store, &module, &[]).await?;
                    let spin = instance.get_typed_func::<i32, i32>(&mut store, "spin")?;
                    engine.increment_epoch();
                    let result = spin.call_async(&mut store, turns).await?;
                    assert_eq!((1 << 40) - store.get_fuel()?, 2 + 9 * 10_000);
                    Ok(result - turns * (turns + 1) / 2 + sum(turns))
                }) as Call
            })
            .collect();
        let polls = migrate(calls, turns);
        assert!(polls > 50 * 150, "{polls}");
    }
}
