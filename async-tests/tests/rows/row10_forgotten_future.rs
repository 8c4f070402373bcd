//! A future that is forgotten while its call is suspended harms nobody: the store can be called again, and what the forgotten call
//! had pinned in memory stays where it was.

use std::future::Future;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tussah::{Caller, Engine, Extern, Instance, Linker, Store, Trap};
use tussah_async_tests::count::Guards;
use tussah_async_tests::executor::{block_on, poll_once};
use tussah_async_tests::future::suspend;
use tussah_async_tests::{engine, isolated, module};

const GUEST: &str = r#"
    (module
        (import "h" "wait" (func $wait (param i32)))
        (import "h" "nest" (func $nest (param i32)))
        (func (export "go") (param $depth i32)
            (if (local.get $depth)
                (then (call $nest (i32.sub (local.get $depth) (i32.const 1))))
                (else (call $wait (i32.const 3)))))
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func $deep (export "deep") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.const 0))))
        (func (export "fail") unreachable))"#;

const MAGIC: u64 = 0x7475_7373_6168_2121;

/// A future that tells the host where it is pinned, as one in an intrusive list does. Pinning promises that its memory is not
/// reused before its destructor has run.
struct Linked {
    value: AtomicU64,
    registry: Arc<Mutex<Vec<usize>>>,
    registered: bool,
    left: u32,
    _pinned: PhantomPinned,
}

impl Future for Linked {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        // SAFETY: nothing is moved out of the future.
        let this = unsafe { self.get_unchecked_mut() };
        if !this.registered {
            this.registered = true;
            this.registry
                .lock()
                .unwrap()
                .push((&raw const this.value).expose_provenance());
        }
        if this.left == 0 {
            return Poll::Ready(());
        }
        this.left -= 1;
        Poll::Pending
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        let address = (&raw const self.value).expose_provenance();
        self.registry
            .lock()
            .unwrap()
            .retain(|known| *known != address);
    }
}

/// Reads every value that is still pinned.
fn pinned_values(registry: &Mutex<Vec<usize>>) -> Vec<u64> {
    let registry = registry.lock().unwrap();
    registry
        .iter()
        .map(|address| {
            let value = std::ptr::with_exposed_provenance::<AtomicU64>(*address);
            // SAFETY: the future registered itself while it was pinned, and its destructor, which would have removed the
            // address, has not run: by the rules of `Pin` the memory is still its own.
            unsafe { (*value).load(Ordering::SeqCst) }
        })
        .collect()
}

#[derive(Clone, Default)]
struct Host {
    guards: Guards,
    registry: Arc<Mutex<Vec<usize>>>,
}

async fn wait(caller: Caller<'_, Host>, (times,): (i32,)) {
    let _guard = caller.data().guards.guard();
    let linked = Linked {
        value: AtomicU64::new(MAGIC),
        registry: Arc::clone(&caller.data().registry),
        registered: false,
        left: times.cast_unsigned(),
        _pinned: PhantomPinned,
    };
    linked.await;
}

fn linker(engine: &Engine) -> Linker<Host> {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap_async("h", "wait", |caller: Caller<'_, Host>, params: (i32,)| {
            Box::new(wait(caller, params))
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
                    // The future is pinned in this frame, which may itself be on a fiber's stack.
                    let go = go.typed::<i32, ()>(&caller)?;
                    let call = pin!(go.call_async(&mut caller, depth));
                    call.await
                })
            },
        )
        .unwrap();
    linker
}

fn guest(engine: &Engine, host: &Host) -> (Store<Host>, Instance) {
    instantiate(engine, host, &linker(engine))
}

fn instantiate(engine: &Engine, host: &Host, linker: &Linker<Host>) -> (Store<Host>, Instance) {
    let mut store = Store::new(engine, host.clone());
    let instance = block_on(linker.instantiate_async(&mut store, &module(engine, GUEST))).unwrap();
    (store, instance)
}

#[expect(clippy::mem_forget, reason = "what happens after it is the question")]
fn forget(future: impl Future) {
    let mut future = Box::pin(future);
    assert!(poll_once(future.as_mut()).is_pending());
    mem::forget(future);
}

fn use_store(store: &mut Store<Host>, instance: Instance) {
    let add = instance
        .get_typed_func::<(i32, i32), i32>(&mut *store, "add")
        .unwrap();
    let deep = instance
        .get_typed_func::<i32, i32>(&mut *store, "deep")
        .unwrap();
    let fail = instance
        .get_typed_func::<(), ()>(&mut *store, "fail")
        .unwrap();
    for i in 0..20 {
        assert_eq!(
            block_on(add.call_async(&mut *store, (i, 1))).unwrap(),
            i + 1
        );
        // Deep enough to write over a stack that is reused too early.
        assert_eq!(
            block_on(deep.call_async(&mut *store, 3_000)).unwrap(),
            3_000
        );
        let error = block_on(fail.call_async(&mut *store, ())).unwrap_err();
        assert_eq!(
            error.downcast_ref::<Trap>(),
            Some(&Trap::UnreachableCodeReached)
        );
    }
}

isolated! {
    60 => fn row10_forget_then_call_again() {
        let engine = engine(false, false);
        let host = Host::default();
        let (mut store, instance) = guest(&engine, &host);
        let go = instance.get_typed_func::<i32, ()>(&mut store, "go").unwrap();
        for (round, depth) in [0, 1, 4, 0, 2].into_iter().enumerate() {
            forget(go.call_async(&mut store, depth));
            use_store(&mut store, instance);
            let values = pinned_values(&host.registry);
            assert_eq!(values, vec![MAGIC; round + 1], "memory of a pinned future was reused");
        }
    }

    /// An unboxed host future is pinned on the fiber's stack itself.
    #[cfg(feature = "unboxed")]
    60 => fn row10_forget_what_is_pinned_on_the_stack() {
        let engine = engine(false, false);
        let mut linker = linker(&engine);
        linker.allow_shadowing(true).func_wrap_async_unboxed("h", "wait", wait).unwrap();
        let host = Host::default();
        {
            let (mut store, instance) = instantiate(&engine, &host, &linker);
            let go = instance.get_typed_func::<i32, ()>(&mut store, "go").unwrap();
            for (round, depth) in [0, 1, 4, 0, 2].into_iter().enumerate() {
                forget(go.call_async(&mut store, depth));
                use_store(&mut store, instance);
                let values = pinned_values(&host.registry);
                assert_eq!(values, vec![MAGIC; round + 1], "memory of a pinned future was reused");
            }
        }
        // Others come and go where the forgotten ones were.
        for _ in 0..10 {
            let (mut store, instance) = guest(&engine, &Host::default());
            use_store(&mut store, instance);
        }
        assert_eq!(pinned_values(&host.registry), [MAGIC; 5], "memory of a pinned future was reused");
    }

    60 => fn row10_forget_then_call_the_same_function() {
        let engine = engine(false, false);
        let host = Host::default();
        let (mut store, instance) = guest(&engine, &host);
        let go = instance.get_typed_func::<i32, ()>(&mut store, "go").unwrap();
        forget(go.call_async(&mut store, 3));
        let forgotten = host.guards.alive();
        assert_eq!(forgotten, 4);
        for depth in [0, 3] {
            let mut call = Box::pin(go.call_async(&mut store, depth));
            for _ in 0..3 {
                assert!(poll_once(call.as_mut()).is_pending());
            }
            assert!(matches!(poll_once(call.as_mut()), Poll::Ready(Ok(()))));
            drop(call);
            let mut call = Box::pin(go.call_async(&mut store, depth));
            assert!(poll_once(call.as_mut()).is_pending());
            drop(call);
            assert_eq!(host.guards.alive(), forgotten);
            assert_eq!(pinned_values(&host.registry), [MAGIC]);
        }
    }

    60 => fn row10_forget_then_drop_the_store_and_the_engine() {
        let host = Host::default();
        {
            let engine = engine(false, false);
            let (mut store, instance) = guest(&engine, &host);
            let go = instance.get_typed_func::<i32, ()>(&mut store, "go").unwrap();
            for depth in 0..4 {
                forget(go.call_async(&mut store, depth));
            }
            use_store(&mut store, instance);
            drop(store);
        }
        // Others come and go where the forgotten ones were.
        for _ in 0..10 {
            let engine = engine(false, false);
            let host = Host::default();
            let (mut store, instance) = guest(&engine, &host);
            use_store(&mut store, instance);
        }
        assert!(pinned_values(&host.registry).iter().all(|value| *value == MAGIC));
    }

    60 => fn row10_forget_an_instantiation() {
        const START: &str = r#"
            (module (import "h" "wait" (func $wait)) (start $start) (func $start (call $wait)))"#;
        let engine = engine(false, false);
        let start = module(&engine, START);
        let plain = module(&engine, r#"(module (func (export "one") (result i32) (i32.const 1)))"#);
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap_async("h", "wait", |_: Caller<'_, ()>, (): ()| Box::new(suspend(2)))
            .unwrap();
        let mut store = Store::new(&engine, ());
        for _ in 0..10 {
            forget(linker.instantiate_async(&mut store, &start));
            let instance = block_on(linker.instantiate_async(&mut store, &plain)).unwrap();
            let one = instance.get_typed_func::<(), i32>(&mut store, "one").unwrap();
            assert_eq!(block_on(one.call_async(&mut store, ())).unwrap(), 1);
        }
    }
}
