//! Growth is interrupted as other bulk operations are, and what happens in the middle of one, a callback that grows the same
//! table, drops the segment being copied, or ends the guest, finds and leaves the store in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tussah::{
    AsContextMut, Config, Engine, Instance, Ref, Store, StoreContextMut, Table, Trap,
    UpdateDeadline,
};
use tussah_async_tests::executor::{block_on, trace};
use tussah_async_tests::{engine, isolated, module};

use crate::row03_fuel_and_epochs_reach_loops_and_bulk::{Ticker, best_of_ten};

const GUEST: &str = r#"
    (module
        (table $t (export "table") 1 funcref)
        (memory (export "memory") 16)
        (data $d "DATA")
        (elem $e func ELEMENTS)
        (func $f (export "f"))
        (func (export "grow") (param i32) (result i32)
            (table.grow $t (ref.func $f) (local.get 0)))
        (func (export "grow-null") (param i32) (result i32)
            (table.grow $t (ref.null func) (local.get 0)))
        (func (export "memory-init") (param i32)
            (memory.init $d (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export "table-init") (param i32)
            (table.init $t $e (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export "drop") (data.drop $d) (elem.drop $e)))"#;

/// The guest with segments of so many bytes and functions.
fn guest<T: 'static>(store: &mut Store<T>, bytes: usize, functions: usize) -> Instance {
    let wat = GUEST
        .replace("DATA", &"7".repeat(bytes))
        .replace("ELEMENTS", &"$f ".repeat(functions));
    let module = module(&store.engine().clone(), &wat);
    block_on(Instance::new_async(store, &module, &[])).unwrap()
}

/// A store whose epoch callback is asked again and again, and does something at the `n`th time: the first is at the entry of
/// the guest, the others are between chunks.
fn with_callback(
    n: u64,
    mut then: impl FnMut(&mut StoreContextMut<'_, Option<Instance>>) -> UpdateDeadline
    + Send
    + Sync
    + 'static,
) -> (Store<Option<Instance>>, Arc<AtomicU64>) {
    let mut store = Store::new(&engine(false, true), None);
    store.set_epoch_deadline(0);
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    store.epoch_deadline_callback(move |mut store| {
        if store.data().is_none() || count.fetch_add(1, Ordering::Relaxed) + 1 != n {
            return Ok(UpdateDeadline::Continue(0));
        }
        // What is called from here on is not to be interrupted.
        store.set_epoch_deadline(1_000);
        Ok(then(&mut store))
    });
    (store, asked)
}

fn elements(store: &mut Store<Option<Instance>>, table: Table) -> Vec<bool> {
    (0..table.size(&*store))
        .map(|at| table.get(&mut *store, at).unwrap().is_non_null())
        .collect()
}

fn table_of(store: impl AsContextMut, instance: Instance) -> Table {
    instance.get_table(store, "table").unwrap()
}

isolated! {
    60 => fn row03_fuel_yields_inside_the_growth_of_a_table() {
        let mut store = Store::new(&engine(true, false), ());
        store.fuel_async_yield_interval(Some(100_000)).unwrap();
        store.set_fuel(1_000_000_000).unwrap();
        let instance = guest(&mut store, 0, 0);
        let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow").unwrap();
        let before = store.get_fuel().unwrap();
        let (result, trace) = trace(grow.call_async(&mut store, 1_000_000));
        assert_eq!(result.unwrap(), 1);
        assert!((5..=11).contains(&trace.pendings), "{trace:?}");
        // The entry, two operands, the operator, and a unit for each element.
        assert_eq!(before - store.get_fuel().unwrap(), 4 + 1_000_000);
        let table = table_of(&mut store, instance);
        assert_eq!(table.size(&store), 1_000_001);
        for at in [1, 500_000, 1_000_000] {
            assert!(table.get(&mut store, at).unwrap().is_non_null(), "{at}");
        }
    }

    60 => fn row03_a_growth_without_the_fuel_for_it_never_happens() {
        let mut store = Store::new(&engine(true, false), ());
        store.set_fuel(1_000_000).unwrap();
        let instance = guest(&mut store, 0, 0);
        let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow").unwrap();
        let error = block_on(grow.call_async(&mut store, 2_000_000)).unwrap_err();
        assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::OutOfFuel));
        assert_eq!(store.get_fuel().unwrap(), 0);
        assert_eq!(table_of(&mut store, instance).size(&store), 1);
    }

    90 => fn row03_epochs_yield_inside_the_growth_of_a_table() {
        let engine = engine(false, true);
        let _ticker = Ticker::new(&engine);
        best_of_ten(|| {
            let mut store = Store::new(&engine, ());
            store.set_epoch_deadline(u64::MAX / 2);
            let instance = guest(&mut store, 0, 0);
            let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow").unwrap();
            store.epoch_deadline_async_yield_and_update(1);
            store.set_epoch_deadline(1);
            let (result, trace) = trace(grow.call_async(&mut store, 16_000_000));
            assert_eq!(result.unwrap(), 1);
            assert!(trace.pendings >= 8, "suspended {} times", trace.pendings);
            trace
        });
    }

    60 => fn row03_a_growth_that_is_interrupted_for_good_never_happened() {
        let (mut store, asked) = with_callback(3, |_| UpdateDeadline::Interrupt);
        let instance = guest(&mut store, 0, 0);
        *store.data_mut() = Some(instance);
        let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow").unwrap();
        let error = grow.call(&mut store, 100_000).unwrap_err();
        assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::Interrupt));
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        let table = table_of(&mut store, instance);
        assert_eq!(table.size(&store), 1);
        // What had been written by then is not seen later either.
        store.set_epoch_deadline(1_000);
        let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow-null").unwrap();
        assert_eq!(grow.call(&mut store, 50_000).unwrap(), 1);
        assert!(elements(&mut store, table).iter().all(|&set| !set));
    }

    60 => fn row03_a_callback_may_grow_the_table_that_is_growing() {
        let (mut store, _) = with_callback(3, |store| {
            let instance = store.data().unwrap();
            let table = table_of(&mut *store, instance);
            assert_eq!(table.grow(&mut *store, 10, Ref::Func(None)).unwrap(), 1);
            store.set_epoch_deadline(0);
            UpdateDeadline::Continue(0)
        });
        let instance = guest(&mut store, 0, 0);
        *store.data_mut() = Some(instance);
        let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow").unwrap();
        assert_eq!(grow.call(&mut store, 100_000).unwrap(), 11);
        let table = table_of(&mut store, instance);
        let elements = elements(&mut store, table);
        assert_eq!(elements.len(), 100_011);
        assert!(elements[..11].iter().all(|&set| !set) && elements[11..].iter().all(|&set| set));
    }

    60 => fn row03_a_callback_may_drop_the_segment_that_is_copied() {
        let drop_segments = |store: &mut StoreContextMut<'_, Option<Instance>>| {
            let drop = store.data().unwrap().get_typed_func::<(), ()>(&mut *store, "drop").unwrap();
            drop.call(&mut *store, ()).unwrap();
            store.set_epoch_deadline(0);
            UpdateDeadline::Continue(0)
        };
        let (mut store, asked) = with_callback(2, drop_segments);
        let instance = guest(&mut store, 1_000_000, 0);
        *store.data_mut() = Some(instance);
        let init = instance.get_typed_func::<i32, ()>(&mut store, "memory-init").unwrap();
        init.call(&mut store, 1_000_000).unwrap();
        assert!(asked.load(Ordering::Relaxed) > 2);
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        assert!(memory.data(&store)[..1_000_000].iter().all(|&byte| byte == b'7'));
        let error = init.call(&mut store, 1).unwrap_err();
        assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::MemoryOutOfBounds));

        let (mut store, asked) = with_callback(2, drop_segments);
        let instance = guest(&mut store, 0, 100_000);
        let table = table_of(&mut store, instance);
        table.grow(&mut store, 99_999, Ref::Func(None)).unwrap();
        *store.data_mut() = Some(instance);
        let init = instance.get_typed_func::<i32, ()>(&mut store, "table-init").unwrap();
        init.call(&mut store, 100_000).unwrap();
        assert!(asked.load(Ordering::Relaxed) > 2);
        assert!(elements(&mut store, table).iter().all(|&set| set));
        let error = init.call(&mut store, 1).unwrap_err();
        assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::TableOutOfBounds));
    }

    90 => fn row03_growth_inside_a_reservation_keeps_the_thread_for_no_time() {
        best_of_ten(|| moves(&Config::new(), 4096, 60_000));
    }

    90 => fn row03_a_memory_that_moves_keeps_the_thread_for_a_copy() {
        let mut config = Config::new();
        config.memory_reservation(0).memory_reservation_for_growth(0);
        // Sixty-four mebibytes, without optimisation. The documentation says half a second for a gibibyte.
        let bound = std::time::Duration::from_millis(500);
        let best = (0..10).map(|_| moves(&config, 1024, 1).longest).min().unwrap();
        assert!(best < bound, "a move kept the thread for {best:?}");
    }
}

/// Grows a memory of which every page has been touched.
fn moves(config: &Config, pages: u64, delta: u64) -> tussah_async_tests::executor::Trace {
    let engine = Engine::new(config).unwrap();
    let wat = format!(
        r#"(module (memory (export "memory") {pages})
            (func (export "grow") (result i32) (memory.grow (i32.const {delta}))))"#
    );
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module(&engine, &wat), &[]).unwrap();
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    memory.data_mut(&mut store).fill(9);
    let grow = instance
        .get_typed_func::<(), i32>(&mut store, "grow")
        .unwrap();
    let (result, trace) = trace(grow.call_async(&mut store, ()));
    assert_eq!(u64::try_from(result.unwrap()), Ok(pages));
    assert_eq!(memory.size(&store), pages + delta);
    let old = usize::try_from(pages * 65_536).unwrap();
    assert_eq!(memory.data(&store)[old - 1..=old], [9, 0]);
    trace
}
