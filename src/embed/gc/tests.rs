//! What keeps host values alive, and what frees them, with guests that hold them.

use crate::{
    AsContext, Caller, ExternRef, Func, Global, GlobalType, Instance, Module, Mutability,
    OwnedRooted, Ref, RefType, Result, RootScope, Rooted, Store, Table, TableType, Val, ValType,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Host values in the store.
fn held(store: &Store<()>) -> usize {
    store.as_context().0.core().externs.len()
}

type Reference = Option<Rooted<ExternRef>>;

#[test]
fn guests_keep_what_they_hold() {
    let mut store = Store::<()>::default();
    let wat = r#"(module
        (global $g (mut externref) (ref.null extern))
        (table $t 1 externref)
        (func (export "hold") (param externref externref)
            (global.set $g (local.get 0))
            (table.set $t (i32.const 0) (local.get 1)))
        (func (export "forget") (global.set $g (ref.null extern))))"#;
    let module = Module::new(store.engine(), wat).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let hold = instance
        .get_typed_func::<(Reference, Reference), ()>(&mut store, "hold")
        .unwrap();
    let forget = instance
        .get_typed_func::<(), ()>(&mut store, "forget")
        .unwrap();
    let dropped = Arc::new(AtomicUsize::new(0));
    {
        let mut scope = RootScope::new(&mut store);
        let [a, b, _] = [(); 3].map(|()| {
            let value = Counted(Arc::clone(&dropped));
            Some(ExternRef::new(&mut scope, value).unwrap())
        });
        hold.call(&mut scope, (a, b)).unwrap();
    }
    let count = |store: &mut Store<()>| {
        store.gc(None).unwrap();
        dropped.load(Ordering::Relaxed)
    };
    assert_eq!(count(&mut store), 1, "the third is held by nobody");
    forget.call(&mut store, ()).unwrap();
    assert_eq!(count(&mut store), 2);
    drop(store);
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
}

#[test]
fn nothing_is_freed_under_a_running_guest() {
    let mut store = Store::<()>::default();
    // The reference is in a local only while the host function runs.
    let wat = r#"(module
        (import "" "make" (func $make (result externref)))
        (import "" "gc" (func $gc))
        (func (export "run") (result externref) (call $make) (call $gc)))"#;
    let module = Module::new(store.engine(), wat).unwrap();
    let make = Func::wrap(&mut store, |caller: Caller<'_, ()>| -> Result<Reference> {
        ExternRef::new(caller, 7_i32).map(Some)
    });
    let gc = Func::wrap(&mut store, |mut caller: Caller<'_, ()>| {
        caller.gc(None).unwrap();
        for _ in 0..5_000 {
            ExternRef::new(&mut caller, 8_i32).unwrap();
        }
    });
    let instance = Instance::new(&mut store, &module, &[make.into(), gc.into()]).unwrap();
    let run = instance
        .get_typed_func::<(), Reference>(&mut store, "run")
        .unwrap();
    let kept = run.call(&mut store, ()).unwrap().unwrap();
    let data = kept.data(&store).unwrap().unwrap();
    assert_eq!(data.downcast_ref(), Some(&7));
    store.gc(None).unwrap();
    assert_eq!(held(&store), 1);
}

#[test]
fn garbage_is_collected_without_being_asked() {
    let mut store = Store::<()>::default();
    for _ in 0..10_000 {
        let mut scope = RootScope::new(&mut store);
        ExternRef::new(&mut scope, ()).unwrap();
    }
    let held = held(&store);
    assert!(held <= 2_000, "{held}");
}

#[test]
fn references_of_another_store_are_refused() {
    let mut here = Store::<()>::default();
    let mut there = Store::<()>::default();
    let foreign = ExternRef::new(&mut there, 1_u8).unwrap();
    let owned = foreign.to_owned_rooted(&mut there).unwrap();
    let text = "object used with wrong store";
    assert_eq!(foreign.data(&here).unwrap_err().to_string(), text);
    let error = foreign.to_owned_rooted(&mut here).unwrap_err();
    assert_eq!(error.to_string(), text);
    assert_eq!(owned.to_raw(&mut here).unwrap_err().to_string(), text);
    assert!(Rooted::ref_eq(&here, &foreign, &owned).is_err());

    let ty = GlobalType::new(ValType::EXTERNREF, Mutability::Var);
    assert!(Global::new(&mut here, ty, foreign.into()).is_err());
    let ty = TableType::new(RefType::EXTERNREF, 1, None);
    let table = Table::new(&mut here, ty, Ref::Extern(None)).unwrap();
    assert!(table.set(&mut here, 0, foreign.into()).is_err());
    assert!(table.grow(&mut here, 1, foreign.into()).is_err());
    assert!(Val::from(foreign).ty(&here).is_err());

    let take = Func::wrap(&mut here, |_: Option<OwnedRooted<ExternRef>>| {});
    let take = take
        .typed::<Option<OwnedRooted<ExternRef>>, ()>(&here)
        .unwrap();
    assert!(take.call(&mut here, Some(owned)).is_err());
}

#[test]
fn fallen_roots_are_errors_wherever_they_are_used() {
    let mut store = Store::<()>::default();
    let fallen = {
        let mut scope = RootScope::new(&mut store);
        ExternRef::new(&mut scope, 1_u8).unwrap()
    };
    let text = "attempted to use a garbage-collected object that has been unrooted";
    assert_eq!(fallen.data(&store).unwrap_err().to_string(), text);
    assert_eq!(fallen.to_raw(&mut store).unwrap_err().to_string(), text);
    let take = Func::wrap(&mut store, |_: Reference| {});
    let take = take.typed::<Reference, ()>(&store).unwrap();
    assert!(take.call(&mut store, Some(fallen)).is_err());
    let ty = GlobalType::new(ValType::EXTERNREF, Mutability::Var);
    assert!(Global::new(&mut store, ty, fallen.into()).is_err());
}

#[test]
fn a_guest_cannot_make_host_values_without_end() {
    let mut store = Store::<()>::default();
    let make = Func::wrap(
        &mut store,
        |mut caller: Caller<'_, ()>| -> Result<Reference> {
            Ok(Some(ExternRef::new(&mut caller, ())?))
        },
    );
    let wat = r#"(module
        (import "" "" (func $make (result externref)))
        (func (export "run") (loop $again (drop (call $make)) (br $again))))"#;
    let module = Module::new(store.engine(), wat).unwrap();
    let instance = Instance::new(&mut store, &module, &[make.into()]).unwrap();
    let run = instance
        .get_typed_func::<(), ()>(&mut store, "run")
        .unwrap();
    for _ in 0..2 {
        let error = run.call(&mut store, ()).unwrap_err();
        let text = format!("{error:?}");
        let words = "resource limit exceeded: a store holds at most 1048576 host values";
        assert!(text.contains(words), "{text}");
        assert_eq!(held(&store), 1 << 20);
        // The guest has ended, so that there is room again.
        ExternRef::new(&mut store, ()).unwrap();
        assert!(held(&store) < 10);
    }
}
