//! Dropping a call's future at any of its suspensions ends the call like a trap: destructors of the host run, nothing leaks, and the
//! store can be used again.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tussah::{Caller, Engine, Extern, Instance, Linker, Module, Result, Store, UpdateDeadline};
use tussah_async_tests::count::{Guards, mappings, status_kib};
use tussah_async_tests::executor::{block_on, poll_once};
use tussah_async_tests::future::suspend;
use tussah_async_tests::{engine, isolated, module};

/// Suspends in an import, in an import below a nested call, in a nested call of a nested call, and in a loop.
const GUEST: &str = r#"
    (module
        (import "h" "wait" (func $wait (param i32)))
        (import "h" "nest" (func $nest (param i32)))
        (import "h" "tick" (func $tick))
        (global $ok (mut i32) (i32.const 0))
        (memory 2)
        (func (export "go") (param $depth i32)
            (call $wait (i32.const 2))
            (if (local.get $depth) (then (call $nest (i32.sub (local.get $depth) (i32.const 1)))))
            (call $tick)
            (call $spin)
            (memory.fill (i32.const 0) (i32.const 1) (i32.const 100000))
            (call $wait (i32.const 1)))
        (func $spin (local $i i32)
            (loop $again
                (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10)))))
        (func (export "ok") (result i32)
            (global.set $ok (i32.add (global.get $ok) (i32.const 1)))
            (global.get $ok)))"#;

#[derive(Clone, Default)]
struct Host {
    guards: Guards,
    engine: Option<Engine>,
}

fn linker(engine: &Engine) -> Linker<Host> {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap_async("h", "wait", |caller: Caller<'_, Host>, (times,): (i32,)| {
            Box::new(async move {
                let _before = caller.data().guards.guard();
                suspend(times.cast_unsigned()).await;
                let _after = caller.data().guards.guard();
            })
        })
        .unwrap();
    linker
        .func_wrap_async(
            "h",
            "nest",
            |mut caller: Caller<'_, Host>, (depth,): (i32,)| {
                Box::new(async move {
                    let _guard = caller.data().guards.guard();
                    let go = caller
                        .get_export("go")
                        .and_then(Extern::into_func)
                        .expect("an export");
                    let go = go.typed::<i32, ()>(&caller)?;
                    go.call_async(&mut caller, depth).await
                })
            },
        )
        .unwrap();
    linker
        .func_wrap("h", "tick", |caller: Caller<'_, Host>| {
            let _guard = caller.data().guards.guard();
            caller
                .data()
                .engine
                .as_ref()
                .expect("an engine")
                .increment_epoch();
        })
        .unwrap();
    linker
}

fn store(engine: &Engine, guards: &Guards) -> Store<Host> {
    let mut store = Store::new(
        engine,
        Host {
            guards: guards.clone(),
            engine: Some(engine.clone()),
        },
    );
    store.set_fuel(u64::MAX / 2).unwrap();
    store.set_epoch_deadline(1);
    // A deadline whose own future suspends twice, and is dropped with the call.
    let in_callback = guards.clone();
    store.epoch_deadline_callback(move |_| {
        let guard = in_callback.guard();
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(async move {
                let _guard = guard;
                suspend(2).await;
            }),
        ))
    });
    store
}

const DEPTH: i32 = 3;

/// Polls so many times; `true` if the future ended before that.
fn polls<F: Future>(mut future: Pin<&mut F>, count: usize) -> bool {
    (0..count).any(|_| poll_once(future.as_mut()).is_ready())
}

fn check_ok(store: &mut Store<Host>, instance: Instance, expected: i32) {
    let ok = instance
        .get_typed_func::<(), i32>(&mut *store, "ok")
        .unwrap();
    assert_eq!(
        block_on(ok.call_async(&mut *store, ())).unwrap(),
        expected,
        "the store is not as it was"
    );
}

isolated! {
    60 => fn row09_drop_after_each_poll() {
        let engine = engine(true, true);
        let module = module(&engine, GUEST);
        let guards = Guards::default();
        let mut store = store(&engine, &guards);
        let instance = block_on(linker(&engine).instantiate_async(&mut store, &module)).unwrap();
        let go = instance.get_typed_func::<i32, ()>(&mut store, "go").unwrap();
        let mut suspensions = 0;
        for k in 0.. {
            let mut call = Box::pin(go.call_async(&mut store, DEPTH));
            let ended = polls(call.as_mut(), k);
            let alive = guards.alive();
            drop(call);
            assert!(ended || k == 0 || alive > 0 || suspensions > 0);
            assert_eq!(guards.alive(), 0, "a drop after {k} polls, which left {alive} host frames");
            check_ok(&mut store, instance, i32::try_from(k).unwrap() + 1);
            if ended {
                break;
            }
            suspensions = k;
        }
        // In each of four levels: two in the first import, two in the deadline's future, one in the last import.
        assert_eq!(suspensions, 4 * 5);
    }

    60 => fn row09_drop_after_each_poll_with_a_new_store_each_time() {
        let engine = engine(true, true);
        let module = module(&engine, GUEST);
        let linker = linker(&engine);
        for k in 0..=21 {
            let guards = Guards::default();
            let mut store = store(&engine, &guards);
            let instance = block_on(linker.instantiate_async(&mut store, &module)).unwrap();
            let go = instance.get_typed_func::<i32, ()>(&mut store, "go").unwrap();
            // The store goes into the future, so that both are dropped together.
            let mut call = Box::pin(async move { go.call_async(&mut store, DEPTH).await });
            let ended = polls(call.as_mut(), k);
            assert_eq!(ended, k == 21, "{k}");
            drop(call);
            assert_eq!(guards.alive(), 0, "{k}");
        }
    }

    60 => fn row09_drop_while_a_start_function_is_suspended() {
        const START: &str = r#"
            (module
                (import "h" "wait" (func $wait (param i32)))
                (start $start)
                (func $start (call $wait (i32.const 3)) (call $wait (i32.const 2))))"#;
        let engine = engine(true, true);
        let module = module(&engine, START);
        let guards = Guards::default();
        let mut store = store(&engine, &guards);
        let linker = linker(&engine);
        for k in 0..=6 {
            let mut instantiation = Box::pin(linker.instantiate_async(&mut store, &module));
            assert_eq!(polls(instantiation.as_mut(), k), k == 6);
            drop(instantiation);
            assert_eq!(guards.alive(), 0, "{k}");
        }
        block_on(linker.instantiate_async(&mut store, &module)).unwrap();
    }

    60 => fn row09_drop_inside_a_fuel_yield() {
        const SPIN: &str = r#"(module (func (export "spin") (loop $l (br $l))) (func (export "ok") (result i32) (i32.const 1)))"#;
        let engine = engine(true, false);
        let module = module(&engine, SPIN);
        let mut store = Store::new(&engine, Host::default());
        store.set_fuel(u64::MAX).unwrap();
        store.fuel_async_yield_interval(Some(100)).unwrap();
        let instance = block_on(Instance::new_async(&mut store, &module, &[])).unwrap();
        let spin = instance.get_typed_func::<(), ()>(&mut store, "spin").unwrap();
        for k in 0..100 {
            let mut call = Box::pin(spin.call_async(&mut store, ()));
            assert!(!polls(call.as_mut(), k));
            drop(call);
            check_ok(&mut store, instance, 1);
        }
    }

    120 => fn row09_ten_thousand_dropped_calls_leave_nothing_behind() {
        let engine = engine(true, true);
        let module = module(&engine, GUEST);
        let linker = linker(&engine);
        let guards = Guards::default();
        let rounds = |count: usize| {
            for i in 0..count {
                let mut store = store(&engine, &guards);
                let instance = block_on(linker.instantiate_async(&mut store, &module)).unwrap();
                let go = instance.get_typed_func::<i32, ()>(&mut store, "go").unwrap();
                let mut call = Box::pin(go.call_async(&mut store, DEPTH));
                assert!(!polls(call.as_mut(), i % 20 + 1));
            }
        };
        rounds(500);
        let (maps, memory) = (mappings(), status_kib("VmRSS"));
        rounds(10_000);
        let (maps, memory) = (mappings().saturating_sub(maps), status_kib("VmRSS").saturating_sub(memory));
        assert!(maps < 100, "{maps} mappings more");
        assert!(memory < 32 << 10, "{memory} KiB more");
        assert_eq!(guards.alive(), 0);
        assert!(guards.made() > 10_000);
    }

    60 => fn row09_a_destructor_may_run_other_guests_while_a_call_is_cancelled() {
        /// Runs a whole call of another store, with suspensions of its own, when it is dropped.
        struct CallsOnDrop {
            other: Arc<Mutex<(Store<Host>, Instance)>>,
            results: Arc<Mutex<Vec<bool>>>,
        }
        impl Drop for CallsOnDrop {
            fn drop(&mut self) {
                let mut other = self.other.lock().unwrap();
                let (store, instance) = &mut *other;
                let go = instance.get_typed_func::<i32, ()>(&mut *store, "go").unwrap();
                let result = block_on(go.call_async(&mut *store, 1));
                self.results.lock().unwrap().push(result.is_ok());
            }
        }
        let engine = engine(true, true);
        let module = module(&engine, GUEST);
        let guards = Guards::default();
        let mut other = store(&engine, &guards);
        let other_instance = block_on(linker(&engine).instantiate_async(&mut other, &module)).unwrap();
        let other = Arc::new(Mutex::new((other, other_instance)));
        let results = Arc::new(Mutex::new(Vec::new()));

        let (from, into) = (Arc::clone(&other), Arc::clone(&results));
        let mut linker = linker(&engine);
        linker.allow_shadowing(true);
        linker
            .func_wrap_async("h", "wait", move |_: Caller<'_, Host>, (times,): (i32,)| {
                let calls = CallsOnDrop { other: Arc::clone(&from), results: Arc::clone(&into) };
                Box::new(async move {
                    let _calls = calls;
                    suspend(times.cast_unsigned()).await;
                })
            })
            .unwrap();
        let mut store = store(&engine, &guards);
        let instance = block_on(linker.instantiate_async(&mut store, &module)).unwrap();
        let go = instance.get_typed_func::<i32, ()>(&mut store, "go").unwrap();
        for k in 1..=5 {
            results.lock().unwrap().clear();
            let mut call = Box::pin(go.call_async(&mut store, 0));
            assert!(!polls(call.as_mut(), k), "{k}");
            drop(call);
            let results = results.lock().unwrap();
            assert!(!results.is_empty() && results.iter().all(|ok| *ok), "{k}: {results:?}");
            check_ok(&mut store, instance, i32::try_from(k).unwrap());
        }
        assert_eq!(guards.alive(), 0);
    }

    60 => fn row09_a_host_that_awaits_again_after_a_cancelled_call_goes_on() {
        // The host gives up on a nested call itself, by dropping it in mid-air, and then waits for something else.
        let engine = engine(true, true);
        let module = module(&engine, GUEST);
        let mut linker = linker(&engine);
        linker.allow_shadowing(true);
        linker
            .func_wrap_async("h", "nest", |mut caller: Caller<'_, Host>, (depth,): (i32,)| {
                Box::new(async move {
                    let _guard = caller.data().guards.guard();
                    let go = caller.get_export("go").and_then(Extern::into_func).expect("an export");
                    let go = go.typed::<i32, ()>(&caller)?;
                    for k in 0..3 {
                        let mut call = Box::pin(go.call_async(&mut caller, depth));
                        let mut left = k;
                        std::future::poll_fn(|cx| {
                            if left == 0 || call.as_mut().poll(cx).is_ready() {
                                return Poll::Ready(());
                            }
                            left -= 1;
                            Poll::Pending
                        })
                        .await;
                        drop(call);
                        suspend(1).await;
                    }
                    go.call_async(&mut caller, 0).await
                })
            })
            .unwrap();
        let guards = Guards::default();
        let mut store = store(&engine, &guards);
        let instance = block_on(linker.instantiate_async(&mut store, &module)).unwrap();
        let go = instance.get_typed_func::<i32, ()>(&mut store, "go").unwrap();
        block_on(go.call_async(&mut store, 2)).unwrap();
        assert_eq!(guards.alive(), 0);
        for k in 0..40 {
            let mut call = Box::pin(go.call_async(&mut store, 2));
            if polls(call.as_mut(), k) {
                break;
            }
            drop(call);
            assert_eq!(guards.alive(), 0, "{k}");
        }
        check_ok(&mut store, instance, 1);
    }

    60 => fn row09_a_panic_beside_a_suspended_call_drops_it_cleanly() {
        let engine = engine(true, true);
        let module = module(&engine, GUEST);
        let guards = Guards::default();
        let mut store = store(&engine, &guards);
        let instance = block_on(linker(&engine).instantiate_async(&mut store, &module)).unwrap();
        let go = instance.get_typed_func::<i32, ()>(&mut store, "go").unwrap();
        for k in 1..=20 {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let mut call = Box::pin(go.call_async(&mut store, DEPTH));
                assert!(!polls(call.as_mut(), k));
                std::panic::panic_any(k);
            }));
            assert_eq!(outcome.unwrap_err().downcast_ref::<usize>(), Some(&k), "the payload was lost");
            assert_eq!(guards.alive(), 0, "{k}");
            check_ok(&mut store, instance, i32::try_from(k).unwrap());
        }
    }

    60 => fn row09_drop_on_another_thread() {
        fn start(engine: &Engine, module: &Module, guards: &Guards, k: usize) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
            let (engine, module, guards) = (engine.clone(), module.clone(), guards.clone());
            let mut call = Box::pin(async move {
                let mut store = store(&engine, &guards);
                let instance = linker(&engine).instantiate_async(&mut store, &module).await?;
                let go = instance.get_typed_func::<i32, ()>(&mut store, "go")?;
                go.call_async(&mut store, DEPTH).await
            });
            for _ in 0..k {
                assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            call
        }
        let engine = engine(true, true);
        let module = module(&engine, GUEST);
        for k in 1..=20 {
            let guards = Guards::default();
            let call = start(&engine, &module, &guards, k);
            std::thread::spawn(move || drop(call)).join().unwrap();
            assert_eq!(guards.alive(), 0, "{k}");
        }
    }
}
