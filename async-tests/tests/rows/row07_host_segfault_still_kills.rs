//! The runtime's signal handler claims faults of guest code and nothing else: a host function that follows a bad pointer kills the
//! process with `SIGSEGV`, even where the same address would be a guest's trap.

use std::hint::black_box;
use std::time::Duration;

use tussah::{Caller, Engine, Instance, Linker, Store, Trap};
use tussah_async_tests::executor::block_on;
use tussah_async_tests::future::suspend;
use tussah_async_tests::isolate::{is_child, run_child};
use tussah_async_tests::{engine, module};

const SIGSEGV: i32 = 11;
const SIGILL: i32 = 4;

const GUEST: &str = r#"
    (module
        (import "h" "crash" (func $crash))
        (memory (export "memory") 1)
        (func (export "trap") (drop (i32.load (i32.const 0x10000))))
        (func (export "crash") (call $crash)))"#;

/// Reads where nothing is mapped.
fn read(address: usize) -> u8 {
    // SAFETY: none. The read is meant to fault; this process exists to be killed by it.
    unsafe { std::ptr::with_exposed_provenance::<u8>(black_box(address)).read_volatile() }
}

/// How the host breaks, given its guest's memory.
type Crash = fn(&mut Caller<'_, ()>);

fn null(_: &mut Caller<'_, ()>) {
    // Debug builds catch address zero itself before the processor does.
    black_box(read(8));
}

/// An address whose fault is a trap when the guest causes it.
fn guard_region(caller: &mut Caller<'_, ()>) {
    let memory = caller
        .get_export("memory")
        .and_then(tussah::Extern::into_memory)
        .expect("a memory");
    black_box(read(
        memory.data_ptr(&*caller).addr() + memory.data_size(&*caller),
    ));
}

#[cfg(target_arch = "x86_64")]
fn illegal(_: &mut Caller<'_, ()>) {
    // SAFETY: none. The instruction is meant to raise a signal; this process exists to be killed by it.
    unsafe { std::arch::asm!("ud2") }
}

/// A guest that has trapped before, so that the handlers are in place and have been used on this thread.
fn ready(engine: &Engine, linker: &Linker<()>) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    let instance = block_on(linker.instantiate_async(&mut store, &module(engine, GUEST))).unwrap();
    let trap = instance
        .get_typed_func::<(), ()>(&mut store, "trap")
        .unwrap();
    let error = block_on(trap.call_async(&mut store, ())).unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::MemoryOutOfBounds));
    (store, instance)
}

fn sync(crash: Crash) {
    let engine = engine(false, false);
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("h", "crash", move |mut caller: Caller<'_, ()>| {
            crash(&mut caller)
        })
        .unwrap();
    let (mut store, instance) = ready(&engine, &linker);
    let func = instance
        .get_typed_func::<(), ()>(&mut store, "crash")
        .unwrap();
    func.call(&mut store, ()).unwrap();
}

fn on_fiber(crash: Crash) {
    let engine = engine(false, false);
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap_async("h", "crash", move |mut caller: Caller<'_, ()>, (): ()| {
            Box::new(async move {
                suspend(1).await;
                crash(&mut caller);
            })
        })
        .unwrap();
    let (mut store, instance) = ready(&engine, &linker);
    let func = instance
        .get_typed_func::<(), ()>(&mut store, "crash")
        .unwrap();
    block_on(func.call_async(&mut store, ())).unwrap();
}

/// A host that breaks while the guest that called it is itself called by a host.
fn nested(crash: Crash) {
    let engine = engine(false, false);
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("h", "crash", move |mut caller: Caller<'_, ()>| {
            let func = caller
                .get_export("trap")
                .and_then(tussah::Extern::into_func)
                .expect("an export");
            func.call(&mut caller, &[], &mut []).expect_err("a trap");
            crash(&mut caller);
        })
        .unwrap();
    let (mut store, instance) = ready(&engine, &linker);
    let func = instance
        .get_typed_func::<(), ()>(&mut store, "crash")
        .unwrap();
    func.call(&mut store, ()).unwrap();
}

/// Expects a process that does `body` to die of `signal`.
fn dies_of(signal: i32, name: &str, body: impl FnOnce()) {
    let test = format!("row07_host_segfault_still_kills::{name}");
    if is_child(&test) {
        body();
        return;
    }
    let outcome = run_child(&test, Duration::from_secs(30));
    assert_eq!(outcome.signal(), Some(signal), "{outcome:?}");
}

#[test]
fn row07_null_in_a_sync_host_function() {
    dies_of(SIGSEGV, "row07_null_in_a_sync_host_function", || sync(null));
}

#[test]
fn row07_null_in_an_async_host_function() {
    dies_of(SIGSEGV, "row07_null_in_an_async_host_function", || {
        on_fiber(null)
    });
}

#[test]
fn row07_null_after_a_nested_trap() {
    dies_of(SIGSEGV, "row07_null_after_a_nested_trap", || nested(null));
}

#[test]
fn row07_guard_region_read_by_a_sync_host_function() {
    dies_of(
        SIGSEGV,
        "row07_guard_region_read_by_a_sync_host_function",
        || sync(guard_region),
    );
}

#[test]
fn row07_guard_region_read_by_an_async_host_function() {
    dies_of(
        SIGSEGV,
        "row07_guard_region_read_by_an_async_host_function",
        || on_fiber(guard_region),
    );
}

#[test]
fn row07_null_outside_of_any_guest() {
    dies_of(SIGSEGV, "row07_null_outside_of_any_guest", || {
        let engine = engine(false, false);
        let mut linker = Linker::new(&engine);
        linker.func_wrap("h", "crash", || ()).unwrap();
        let guest = ready(&engine, &linker);
        black_box(read(8));
        drop(guest);
    });
}

#[cfg(target_arch = "x86_64")]
#[test]
fn row07_illegal_instruction_in_a_host_function() {
    dies_of(
        SIGILL,
        "row07_illegal_instruction_in_a_host_function",
        || sync(illegal),
    );
}
