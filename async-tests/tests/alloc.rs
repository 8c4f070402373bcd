//! What calls cost the allocator: a ready call to an unboxed async import allocates nothing, and neither does one that suspends.
//!
//! A binary of its own, because the allocator that counts is global to it.

use tussah::{Caller, Linker, Result, Store};
use tussah_async_tests::count::{CountingAllocator, allocations};
use tussah_async_tests::executor::block_on;
#[cfg(feature = "unboxed")]
use tussah_async_tests::future::suspend;
use tussah_async_tests::{engine, module};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const GUEST: &str = r#"
    (module
        (import "h" "add" (func $add (param i32 i32) (result i32)))
        (func (export "go") (param $n i32) (result i32) (local $sum i32)
            (loop $again
                (local.set $sum (call $add (local.get $sum) (local.get $n)))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $sum)))"#;

/// Data of the store that the import uses, so that it has reason to hold its `Caller` across an await.
#[derive(Default)]
struct Host {
    calls: usize,
}

/// Allocations of one guest call that makes so many host calls.
fn count(linker: &Linker<Host>, calls: i32) -> usize {
    let module = module(linker.engine(), GUEST);
    let mut store = Store::new(linker.engine(), Host::default());
    let instance = block_on(linker.instantiate_async(&mut store, &module)).unwrap();
    let go = instance
        .get_typed_func::<i32, i32>(&mut store, "go")
        .unwrap();
    // The first call may fill caches and pools.
    block_on(go.call_async(&mut store, 3)).unwrap();
    let before = allocations();
    let sum = block_on(go.call_async(&mut store, calls)).unwrap();
    let allocated = allocations() - before;
    assert_eq!(sum, calls * (calls + 1) / 2);
    assert_eq!(store.data().calls, usize::try_from(calls).unwrap() + 3);
    allocated
}

/// Allocations that nine thousand nine hundred and ninety more host calls cause.
fn difference(linker: &Linker<Host>) -> usize {
    count(linker, 10_000) - count(linker, 10)
}

#[test]
fn boxed_imports_allocate_at_each_call() {
    // Shows that the count below would see what it says is not there.
    let mut linker = Linker::new(&engine(false, false));
    linker
        .func_wrap_async(
            "h",
            "add",
            |mut caller: Caller<'_, Host>, (a, b): (i32, i32)| {
                Box::new(async move {
                    caller.data_mut().calls += 1;
                    a + b
                })
            },
        )
        .unwrap();
    assert!(difference(&linker) >= 9_990);
}

#[test]
fn sync_imports_allocate_nothing() {
    let mut linker = Linker::new(&engine(false, false));
    linker
        .func_wrap(
            "h",
            "add",
            |mut caller: Caller<'_, Host>, a: i32, b: i32| -> Result<i32> {
                caller.data_mut().calls += 1;
                Ok(a + b)
            },
        )
        .unwrap();
    assert_eq!(difference(&linker), 0);
}

#[cfg(feature = "unboxed")]
#[test]
fn ready_unboxed_imports_allocate_nothing() {
    let mut linker = Linker::new(&engine(false, false));
    linker
        .func_wrap_async_unboxed(
            "h",
            "add",
            async |mut caller: Caller<'_, Host>, (a, b): (i32, i32)| {
                caller.data_mut().calls += 1;
                a + b
            },
        )
        .unwrap();
    assert_eq!(difference(&linker), 0);
}

#[cfg(feature = "unboxed")]
#[test]
fn suspended_unboxed_imports_allocate_nothing() {
    let mut linker = Linker::new(&engine(false, false));
    linker
        .func_wrap_async_unboxed(
            "h",
            "add",
            async |mut caller: Caller<'_, Host>, (a, b): (i32, i32)| {
                caller.data_mut().calls += 1;
                suspend(1).await;
                Ok::<_, tussah::Error>(a + b)
            },
        )
        .unwrap();
    assert_eq!(difference(&linker), 0);
}

#[cfg(feature = "unboxed")]
#[test]
fn unboxed_functions_of_a_store_allocate_nothing() {
    let engine = engine(false, false);
    let module = module(&engine, GUEST);
    let mut store = Store::new(&engine, Host::default());
    let add = tussah::Func::wrap_async_unboxed(
        &mut store,
        async |mut caller: Caller<'_, Host>, (a, b): (i32, i32)| {
            caller.data_mut().calls += 1;
            suspend(u32::from(a % 2 == 0)).await;
            a + b
        },
    );
    let instance = block_on(tussah::Instance::new_async(
        &mut store,
        &module,
        &[add.into()],
    ))
    .unwrap();
    let go = instance
        .get_typed_func::<i32, i32>(&mut store, "go")
        .unwrap();
    let mut allocated = |calls| {
        let before = allocations();
        block_on(go.call_async(&mut store, calls)).unwrap();
        allocations() - before
    };
    allocated(3);
    assert_eq!(allocated(10_000), allocated(10));
}
