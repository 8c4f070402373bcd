//! A guest that reaches its epoch deadline gives the thread back: the poll answers `Pending`, the task is woken, and a sibling on
//! the same thread makes progress.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;
use std::{future::Future, pin::pin};

use tussah::{Caller, Engine, Instance, Linker, Store, Trap, UpdateDeadline};
use tussah_async_tests::executor::{CountingWaker, OneThread, block_on, trace};
use tussah_async_tests::future::suspend;
use tussah_async_tests::{engine, isolated, module};

const GUEST: &str = r#"
    (module
        (import "h" "tick" (func $tick))
        (func (export "ticks") (param $n i32)
            (loop $again
                (call $tick)
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br_if $again (local.get $n))))
        (func (export "forever") (loop $again (br $again))))"#;

/// A store whose guest moves the clock itself, so that every count is exact.
fn guest(engine: &Engine) -> (Store<Engine>, Instance) {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap("h", "tick", |caller: Caller<'_, Engine>| {
            caller.data().increment_epoch()
        })
        .unwrap();
    let mut store = Store::new(engine, engine.clone());
    store.set_epoch_deadline(1);
    let module = module(engine, GUEST);
    let instance = block_on(linker.instantiate_async(&mut store, &module)).unwrap();
    (store, instance)
}

isolated! {
    30 => fn row05_each_deadline_is_one_pending() {
        let engine = engine(false, true);
        let (mut store, instance) = guest(&engine);
        let ticks = instance.get_typed_func::<i32, ()>(&mut store, "ticks").unwrap();
        for n in [1, 2, 100, 5_000] {
            store.set_epoch_deadline(1);
            store.epoch_deadline_async_yield_and_update(1);
            let (result, trace) = trace(ticks.call_async(&mut store, n));
            result.unwrap();
            // The tick before the last loop header is the last that must be seen; the one after it may be.
            let n = usize::try_from(n).unwrap();
            assert!(trace.pendings == n || trace.pendings == n - 1, "{n}: {trace:?}");
        }
    }

    30 => fn row05_a_longer_deadline_yields_less_often() {
        let engine = engine(false, true);
        let (mut store, instance) = guest(&engine);
        let ticks = instance.get_typed_func::<i32, ()>(&mut store, "ticks").unwrap();
        store.set_epoch_deadline(10);
        store.epoch_deadline_async_yield_and_update(10);
        let (result, trace) = trace(ticks.call_async(&mut store, 1_000));
        result.unwrap();
        assert!((99..=100).contains(&trace.pendings), "{trace:?}");
    }

    30 => fn row05_a_yield_wakes_its_own_task() {
        let engine = engine(false, true);
        let (mut store, instance) = guest(&engine);
        let ticks = instance.get_typed_func::<i32, ()>(&mut store, "ticks").unwrap();
        store.epoch_deadline_async_yield_and_update(1);
        let counter = CountingWaker::new();
        let waker = Waker::from(Arc::clone(&counter));
        let mut call = pin!(ticks.call_async(&mut store, 50));
        for pendings in 1..=49 {
            assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!(counter.wakes(), pendings, "each yield wakes once");
        }
    }

    30 => fn row05_the_waker_of_the_latest_poll_is_woken() {
        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let engine = engine(false, true);
        let (mut store, instance) = guest(&engine);
        let ticks = instance.get_typed_func::<i32, ()>(&mut store, "ticks").unwrap();
        store.epoch_deadline_async_yield_and_update(1);
        let mut call = pin!(ticks.call_async(&mut store, 50));
        for _ in 0..49 {
            let count = Arc::new(Count(AtomicUsize::new(0)));
            let waker = Waker::from(Arc::clone(&count));
            assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!(count.0.load(Ordering::SeqCst), 1, "an old waker was woken instead");
        }
    }

    60 => fn row05_a_sibling_progresses_beside_an_endless_loop() {
        let engine = engine(false, true);
        let (mut store, instance) = guest(&engine);
        let forever = instance.get_typed_func::<(), ()>(&mut store, "forever").unwrap();
        store.epoch_deadline_async_yield_and_update(1);
        let ticker = engine.weak();
        thread::spawn(move || {
            while let Some(engine) = ticker.upgrade() {
                engine.increment_epoch();
                thread::sleep(Duration::from_millis(1));
            }
        });
        let progress = Cell::new(0);
        let mut executor = OneThread::new();
        let store = &mut store;
        executor.spawn(async move { panic!("an endless loop ended: {:?}", forever.call_async(store, ()).await) });
        executor.spawn(async {
            for _ in 0..200 {
                suspend(1).await;
                progress.set(progress.get() + 1);
            }
        });
        while executor.alive() == 2 {
            assert!(executor.turn(), "neither task is awake");
        }
        drop(executor);
        assert_eq!(progress.get(), 200);
    }

    30 => fn row05_callbacks_yield_continue_and_interrupt() {
        let engine = engine(false, true);
        let (mut store, instance) = guest(&engine);
        let ticks = instance.get_typed_func::<i32, ()>(&mut store, "ticks").unwrap();
        let mut calls = 0;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            calls += 1;
            match calls {
                1..=10 => Ok(UpdateDeadline::Continue(1)),
                11..=20 => Ok(UpdateDeadline::Yield(1)),
                // A future of the host's own making: three suspensions each.
                21..=30 => Ok(UpdateDeadline::YieldCustom(1, Box::pin(suspend(3)))),
                _ => Ok(UpdateDeadline::Interrupt),
            }
        });
        let (result, trace) = trace(ticks.call_async(&mut store, 1_000));
        assert_eq!(result.unwrap_err().downcast_ref::<Trap>(), Some(&Trap::Interrupt));
        assert_eq!(trace.pendings, 10 + 10 * 3);

        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Err(tussah::Error::msg("the host says no")));
        let error = block_on(ticks.call_async(&mut store, 10)).unwrap_err();
        assert!(format!("{error:?}").contains("the host says no"), "{error:?}");
    }
}

#[test]
fn row05_a_callback_can_put_the_trap_in_its_place() {
    let engine = engine(false, true);
    let module =
        tussah::Module::new(&engine, r#"(module (func (export "f") (loop (br 0))))"#).unwrap();
    let mut store = Store::new(&engine, 0);
    store.epoch_deadline_callback(|mut store| {
        *store.data_mut() += 1;
        store.epoch_deadline_trap();
        Ok(UpdateDeadline::Continue(0))
    });
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    let error = f.call(&mut store, ()).unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::Interrupt));
    assert_eq!(*store.data(), 1, "the callback was asked once");
}
