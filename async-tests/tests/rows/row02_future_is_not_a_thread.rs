//! A suspended call is memory, not a thread: ten thousand of them leave the number of threads as it was, and every host function
//! runs on the thread that polls.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::thread;

use tussah::{Caller, Linker, Result, Store};
use tussah_async_tests::count::threads;
use tussah_async_tests::executor::block_on;
use tussah_async_tests::future::suspend;
use tussah_async_tests::{engine, isolated, module};

const CALLS: u32 = 10_000;

const GUEST: &str = r#"
    (module
        (import "h" "wait" (func $wait (param i32) (result i32)))
        (func (export "go") (param i32) (result i32)
            (i32.add (call $wait (local.get 0)) (call $wait (i32.const 1)))))"#;

isolated! {
    120 => fn row02_ten_thousand_suspended_calls_keep_the_thread_count() {
        let engine = engine(false, false);
        let module = module(&engine, GUEST);
        let mut linker = Linker::new(&engine);
        let home = thread::current().id();
        linker
            .func_wrap_async("h", "wait", move |_: Caller<'_, ()>, (value,): (i32,)| {
                Box::new(async move {
                    assert_eq!(thread::current().id(), home, "a host function on a foreign thread");
                    suspend(2).await;
                    assert_eq!(thread::current().id(), home, "a host function on a foreign thread");
                    value
                })
            })
            .unwrap();
        let pre = linker.instantiate_pre(&module).unwrap();
        let call = |value: i32| {
            let (engine, pre) = (engine.clone(), pre.clone());
            async move {
                let mut store = Store::new(&engine, ());
                let instance = pre.instantiate_async(&mut store).await?;
                let go = instance.get_typed_func::<i32, i32>(&mut store, "go")?;
                go.call_async(&mut store, value).await
            }
        };
        // The compiler's pool, if there is one, exists after the first module; the first call starts whatever a call might.
        assert_eq!(block_on(call(41)).unwrap(), 42);
        let before = threads();

        let mut calls: Vec<Pin<Box<dyn Future<Output = Result<i32>>>>> =
            (0..CALLS).map(|i| Box::pin(call(i.cast_signed())) as _).collect();
        let mut most = before;
        let mut cx = Context::from_waker(Waker::noop());
        // Each call suspends four times, twice in each of its two imports.
        for round in 0..4 {
            for (i, call) in calls.iter_mut().enumerate() {
                assert!(call.as_mut().poll(&mut cx).is_pending(), "call {i} in round {round}");
                if i % 1000 == 0 {
                    most = most.max(threads());
                }
            }
            most = most.max(threads());
        }
        assert_eq!(most, before, "threads appeared with {CALLS} suspended calls");
        for (call, value) in calls.into_iter().zip(1..) {
            assert_eq!(block_on(call).unwrap(), value);
        }
        assert_eq!(threads(), before);
    }
}
