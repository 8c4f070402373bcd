//! `Send` says the truth in both directions: what may move to another thread can, and nothing that holds data of one thread
//! claims that it may. What the compiler must refuse outright stands in the documentation of this crate, as code that must not
//! compile beside its twin that must.

use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::MutexGuard;

use tussah::{
    Caller, Engine, Extern, ExternRef, Func, Global, Instance, InstancePre, Linker, Memory, Module,
    OwnedRooted, Store, StoreContext, StoreContextMut, Table, TypedFunc, Val,
};
use tussah_async_tests::{engine, module};

/// Asks the compiler whether a type is `Send`, without requiring it: the inherent constant exists only for types that are and wins
/// over the trait's.
struct SendProbe<T: ?Sized>(PhantomData<T>);

trait NotSend {
    const SEND: bool = false;
}

impl<T: ?Sized> NotSend for SendProbe<T> {}

impl<T: ?Sized + Send> SendProbe<T> {
    const SEND: bool = true;
}

/// The same for `Sync`.
struct SyncProbe<T: ?Sized>(PhantomData<T>);

trait NotSync {
    const SYNC: bool = false;
}

impl<T: ?Sized> NotSync for SyncProbe<T> {}

impl<T: ?Sized + Sync> SyncProbe<T> {
    const SYNC: bool = true;
}

macro_rules! send_sync {
    ($send:literal $sync:literal: $($type:ty),+ $(,)?) => { $(
        assert_eq!(SendProbe::<$type>::SEND, $send, "Send of {}", stringify!($type));
        assert_eq!(SyncProbe::<$type>::SYNC, $sync, "Sync of {}", stringify!($type));
    )+ };
}

#[test]
fn row12_the_probe_itself_is_right() {
    send_sync!(true true: u32, String, std::sync::Arc<u32>);
    send_sync!(true false: Cell<u32>);
    send_sync!(false true: MutexGuard<'static, u32>);
    send_sync!(false false: Rc<u32>, *const u8);
}

#[test]
fn row12_handles_may_go_anywhere() {
    send_sync!(true true:
        Engine, Module, Func, TypedFunc<i32, i32>, Instance, Memory, Table, Global, Extern, Val, ExternRef,
        OwnedRooted<ExternRef>, tussah::Error, tussah::Trap, tussah::WasmBacktrace,
        // What is made once for many stores holds none of their data.
        Linker<*mut u8>, InstancePre<*mut u8>,
    );
}

#[test]
fn row12_stores_are_as_free_as_their_data() {
    send_sync!(true true:
        Store<u32>, StoreContext<'static, u32>, StoreContextMut<'static, u32>, Caller<'static, u32>, Linker<u32>,
        InstancePre<u32>,
    );
    send_sync!(false false:
        Store<Rc<u32>>, StoreContext<'static, Rc<u32>>, StoreContextMut<'static, Rc<u32>>, Caller<'static, Rc<u32>>,
    );
    const {
        assert!(
            !SyncProbe::<Store<Cell<u32>>>::SYNC,
            "a shared store shares its data"
        )
    }
    const { assert!(SendProbe::<Store<Cell<u32>>>::SEND) }
    const {
        assert!(
            !SendProbe::<StoreContext<'static, Cell<u32>>>::SEND,
            "a shared context is a reference to the data"
        )
    }
}

/// The probe for values whose type has no name. It is asked where the type is known, or it would always say no.
struct Of<T>(PhantomData<T>);

trait OfNotSend {
    fn is_send(&self) -> bool {
        false
    }
}

impl<T> OfNotSend for Of<T> {}

impl<T: Send> Of<T> {
    #[expect(clippy::unused_self, reason = "the value carries the type")]
    fn is_send(&self) -> bool {
        true
    }
}

fn of<T>(_: &T) -> Of<T> {
    Of(PhantomData)
}

macro_rules! is_send {
    ($value:expr) => {{
        let value = $value;
        of(&value).is_send()
    }};
}

#[test]
fn row12_futures_are_as_free_as_the_data_of_their_store() {
    let engine = engine(false, false);
    let module = module(&engine, r#"(module (func (export "f")))"#);

    let mut store = Store::new(&engine, 1_u32);
    let linker = Linker::<u32>::new(&engine);
    let pre = linker.instantiate_pre(&module).unwrap();
    assert!(is_send!(Instance::new_async(&mut store, &module, &[])));
    assert!(is_send!(linker.instantiate_async(&mut store, &module)));
    assert!(is_send!(pre.instantiate_async(&mut store)));
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let func = instance.get_func(&mut store, "f").unwrap();
    let typed = func.typed::<(), ()>(&store).unwrap();
    assert!(is_send!(func.call_async(&mut store, &[], &mut [])));
    assert!(is_send!(typed.call_async(&mut store, ())));

    let mut store = Store::new(&engine, Rc::new(1_u32));
    let linker = Linker::<Rc<u32>>::new(&engine);
    let pre = linker.instantiate_pre(&module).unwrap();
    assert!(
        !is_send!(Instance::new_async(&mut store, &module, &[])),
        "a future with an Rc in its store"
    );
    assert!(
        !is_send!(pre.instantiate_async(&mut store)),
        "a future with an Rc in its store"
    );

    // A future that carries its store has the same freedom.
    async fn owns<T: 'static>(mut store: Store<T>, module: Module) -> Instance {
        Instance::new_async(&mut store, &module, &[]).await.unwrap()
    }
    assert!(is_send!(owns(Store::new(&engine, 1_u32), module.clone())));
    assert!(!is_send!(owns(
        Store::new(&engine, Rc::new(1_u32)),
        module.clone()
    )));
}
