//! Linkers at work: commands, reactors, lifetimes of definitions, refusals, and the modules they are given.

use crate::{
    Caller, Engine, Func, Global, GlobalType, Instance, Linker, Memory, MemoryType, Module,
    Mutability, Result, Store, Trap, Val, ValType,
};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

fn block_on<O>(future: impl Future<Output = O>) -> O {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(out) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return out;
        }
    }
}

fn module(engine: &Engine, wat: &str) -> Module {
    Module::new(engine, wat).unwrap()
}

fn refused<V>(result: Result<V>, words: &str) {
    let Err(error) = result else {
        panic!("accepted, although `{words}` was expected");
    };
    let text = format!("{error:#}");
    assert!(text.contains(words), "`{words}` is not in `{text}`");
}

const COUNTER: &str = r#"(module
    (global $n (mut i32) (i32.const 0))
    (memory (export "memory") 1)
    (func (export "_start") (global.set $n (i32.add (global.get $n) (i32.const 1))))
    (func (export "count") (param i32) (result i32) (i32.add (global.get $n) (local.get 0))))"#;

const COUNTING: &str = r#"(module
    (import "counter" "_start" (func $start))
    (import "counter" "count" (func $count (param i32) (result i32)))
    (func (export "run") (result i32) (call $start) (call $start) (call $count (i32.const 40))))"#;

const REACTOR: &str = r#"(module
    (global $n (mut i32) (i32.const 0))
    (func (export "_initialize") (global.set $n (i32.const 42)))
    (func (export "get") (result i32) (global.get $n)))"#;

#[test]
fn a_command_is_instantiated_for_each_call() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let counter = module(&engine, COUNTER);
    linker.module(&mut store, "counter", &counter).unwrap();
    let instance = linker
        .instantiate(&mut store, &module(&engine, COUNTING))
        .unwrap();
    let run = instance
        .get_typed_func::<(), i32>(&mut store, "run")
        .unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 40);
    let start = linker.get_default(&mut store, "counter").unwrap();
    start.call(&mut store, &[], &mut []).unwrap();
    refused(
        linker.module(&mut store, "counter", &counter),
        "import of `counter::_start` defined twice",
    );
}

#[test]
fn a_command_is_instantiated_for_each_async_call() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let answer = block_on(async {
        linker
            .module_async(&mut store, "counter", &module(&engine, COUNTER))
            .await?;
        let counting = module(&engine, COUNTING);
        refused(
            linker.instantiate(&mut store, &counting),
            "`*_async` functions are used instead",
        );
        let instance = linker.instantiate_async(&mut store, &counting).await?;
        let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
        run.call_async(&mut store, ()).await
    });
    assert_eq!(answer.unwrap(), 40);
}

#[test]
fn a_reactor_is_initialised_once() {
    let engine = Engine::default();
    let reactor = module(&engine, REACTOR);
    for use_async in [false, true] {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        if use_async {
            block_on(linker.module_async(&mut store, "r", &reactor)).unwrap();
        } else {
            linker.module(&mut store, "r", &reactor).unwrap();
        }
        let get = linker.get(&mut store, "r", "get").unwrap();
        let get = get.into_func().unwrap().typed::<(), i32>(&store).unwrap();
        assert_eq!(get.call(&mut store, ()).unwrap(), 42);
    }
    let trapping = module(
        &engine,
        r#"(module (func (export "_initialize") unreachable))"#,
    );
    let mut store = Store::new(&engine, ());
    let error = Linker::new(&engine)
        .module(&mut store, "r", &trapping)
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "calling the Reactor initialization function"
    );
    assert_eq!(
        error.downcast_ref::<Trap>(),
        Some(&Trap::UnreachableCodeReached)
    );
}

#[test]
fn programs_of_no_kind_are_refused() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let both = module(
        &engine,
        r#"(module (func (export "_start")) (func (export "_initialize")))"#,
    );
    refused(
        linker.module(&mut store, "p", &both),
        "both a Command and a Reactor",
    );
    let start = module(
        &engine,
        r#"(module (global (export "_start") i32 i32.const 0))"#,
    );
    refused(
        linker.module(&mut store, "p", &start),
        "`_start` must be a function",
    );
    let exporting = module(
        &engine,
        r#"(module (func (export "_start")) (global (export "odd") i32 i32.const 0))"#,
    );
    refused(
        linker.module(&mut store, "p", &exporting),
        "command export 'odd' is not a function",
    );
    linker
        .allow_unknown_exports(true)
        .allow_shadowing(true)
        .module(&mut store, "p", &exporting)
        .unwrap();
    refused(
        Linker::new(&engine).module(Store::new(&Engine::default(), ()), "p", &exporting),
        "cross-`Engine`",
    );
}

#[test]
fn stores_keep_what_linkers_defined() {
    let engine = Engine::default();
    let guest = module(
        &engine,
        r#"(module (import "h" "f" (func $f (result i32))) (func (export "run") (result i32) (call $f)))"#,
    );
    let alive = Arc::new(7);
    let mut store = Store::new(&engine, ());
    let runs: Vec<_> = {
        let mut linker = Linker::new(&engine);
        let seven = Arc::clone(&alive);
        linker.func_wrap("h", "f", move || *seven).unwrap();
        let pre = linker.instantiate_pre(&guest).unwrap();
        let instances = [
            pre.instantiate(&mut store),
            pre.instantiate(&mut store),
            linker.instantiate(&mut store, &guest),
        ];
        let mut runs: Vec<Func> = instances
            .into_iter()
            .map(|instance| instance.unwrap().get_func(&mut store, "run").unwrap())
            .collect();
        runs.push(
            linker
                .get(&mut store, "h", "f")
                .unwrap()
                .into_func()
                .unwrap(),
        );
        runs
    };
    for run in runs {
        let run = run.typed::<(), i32>(&store).unwrap();
        assert_eq!(run.call(&mut store, ()).unwrap(), 7);
    }
    assert_eq!(Arc::strong_count(&alive), 2);
    drop(store);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn asking_again_does_not_make_a_store_grow() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("h", "f", || {}).unwrap();
    let guest = module(&engine, r#"(module (import "h" "f" (func)))"#);
    let pre = linker.instantiate_pre(&guest).unwrap();
    for _ in 0..100 {
        linker.get(&mut store, "h", "f").unwrap();
        pre.instantiate(&mut store).unwrap();
        // Each of these resolves the imports anew.
        linker.instantiate(&mut store, &guest).unwrap();
        let pre = linker.instantiate_pre(&guest).unwrap();
        pre.instantiate(&mut store).unwrap();
    }
    use crate::AsContext as _;
    assert_eq!(store.as_context().0.core().kept.len(), 1);
}

#[test]
fn taking_an_async_function_makes_a_store_async() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("h", "sync", || 1_i32).unwrap();
    linker
        .func_wrap_async("h", "async", |_: Caller<'_, ()>, (): ()| {
            Box::new(async {
                futures::pending!();
                2_i32
            })
        })
        .unwrap();
    let guest = module(&engine, r#"(module (import "h" "async" (func)))"#);
    let import = guest.imports().next().unwrap();
    type Take<'a> = Box<dyn Fn(&mut Store<()>) -> Func + 'a>;
    let ways: [Take<'_>; 3] = [
        Box::new(|store| {
            linker
                .get(store, "h", "async")
                .unwrap()
                .into_func()
                .unwrap()
        }),
        Box::new(|store| {
            let found = linker.get_by_import(store, &import).unwrap();
            found.into_func().unwrap()
        }),
        Box::new(|store| {
            let mut all = linker.iter(store).map(|(_, _, item)| item);
            all.nth(1).unwrap().into_func().unwrap()
        }),
    ];
    for take in ways {
        let mut store = Store::new(&engine, ());
        let sync = linker.get(&mut store, "h", "sync").unwrap();
        let sync = sync.into_func().unwrap().typed::<(), i32>(&store).unwrap();
        assert_eq!(sync.call(&mut store, ()).unwrap(), 1);
        let later = take(&mut store).typed::<(), i32>(&store).unwrap();
        refused(later.call(&mut store, ()), "`*_async` functions");
        refused(sync.call(&mut store, ()), "`*_async` functions");
        assert_eq!(block_on(later.call_async(&mut store, ())).unwrap(), 2);
    }
}

#[test]
fn a_start_function_of_the_host_sees_who_starts_it() {
    let engine = Engine::default();
    let mut linker = Linker::<Vec<i32>>::new(&engine);
    fn note(caller: &mut Caller<'_, Vec<i32>>) {
        let memory = caller.get_export("memory").unwrap().into_memory().unwrap();
        let byte = memory.data(&*caller)[3].into();
        caller.data_mut().push(byte);
    }
    linker
        .func_wrap("h", "sync", |mut caller: Caller<'_, Vec<i32>>| {
            note(&mut caller);
        })
        .unwrap();
    linker
        .func_wrap_async("h", "async", |mut caller: Caller<'_, Vec<i32>>, (): ()| {
            Box::new(async move {
                futures::pending!();
                note(&mut caller);
            })
        })
        .unwrap();
    let guest = |name: &str, byte: u8| {
        let wat = format!(
            r#"(module (import "h" "{name}" (func $note)) (start $note)
                (memory (export "memory") 1) (data (i32.const 3) "\{byte:02x}"))"#
        );
        module(&engine, &wat)
    };
    let mut store = Store::new(&engine, Vec::new());
    linker.instantiate(&mut store, &guest("sync", 5)).unwrap();
    linker.instantiate(&mut store, &guest("sync", 6)).unwrap();
    let asynchronous = guest("async", 7);
    block_on(linker.instantiate_async(&mut store, &asynchronous)).unwrap();
    // By way of another module, which is not the one that starts it.
    let exporting = r#"(module (import "h" "sync" (func $f)) (export "sync" (func $f)))"#;
    let exporting = module(&engine, exporting);
    let exporting = block_on(linker.instantiate_async(&mut store, &exporting)).unwrap();
    let note = exporting.get_func(&mut store, "sync").unwrap();
    let eight = guest("sync", 8);
    block_on(Instance::new_async(&mut store, &eight, &[note.into()])).unwrap();
    assert_eq!(*store.data(), [5, 6, 7, 8]);
}

#[test]
fn sizes_count_as_they_are_now() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(4))).unwrap();
    let mut linker = Linker::new(&engine);
    linker.define(&store, "h", "m", memory).unwrap();
    let guest = module(&engine, r#"(module (import "h" "m" (memory 2 4)))"#);
    let words = "memory types incompatible: expected memory limits (min: 2, max: 4) doesn't match provided memory limits \
                 (min: 1, max: 4)";
    refused(linker.instantiate(&mut store, &guest), words);
    memory.grow(&mut store, 1).unwrap();
    linker.instantiate(&mut store, &guest).unwrap();
    refused(linker.instantiate_pre(&guest), words);
}

#[test]
fn stores_and_engines_do_not_mix() {
    let engine = Engine::default();
    let mut here = Store::new(&engine, ());
    let mut there = Store::new(&engine, ());
    let ty = GlobalType::new(ValType::I32, Mutability::Const);
    let global = Global::new(&mut there, ty, Val::I32(1)).unwrap();
    let mut linker = Linker::new(&engine);
    refused(linker.define(&here, "h", "g", global), "cross-`Store`");
    linker.define(&there, "h", "g", global).unwrap();
    let guest = module(&engine, r#"(module (import "h" "g" (global i32)))"#);
    refused(linker.instantiate(&mut here, &guest), "cross-`Store`");
    let pre = linker.instantiate_pre(&guest).unwrap();
    refused(pre.instantiate(&mut here), "cross-`Store`");
    pre.instantiate(&mut there).unwrap();
    refused(
        Instance::new(&mut here, &guest, &[global.into()]),
        "cross-`Store`",
    );
    let exporting = module(&engine, r#"(module (func (export "f")))"#);
    let instance = Instance::new(&mut there, &exporting, &[]).unwrap();
    refused(linker.instance(&mut here, "i", instance), "cross-`Store`");

    let stranger = Engine::default();
    let mut foreign = Store::new(&stranger, ());
    let empty = module(&stranger, "(module)");
    refused(Instance::new(&mut here, &empty, &[]), "cross-`Engine`");
    refused(linker.instantiate_pre(&empty), "cross-`Engine`");
    let mut linker = Linker::new(&engine);
    linker.func_wrap("h", "f", || {}).unwrap();
    refused(linker.get(&mut foreign, "h", "f"), "cross-`Engine`");
    refused(linker.get_default(&mut foreign, "h"), "cross-`Engine`");
    let importing = module(&engine, r#"(module (import "h" "f" (func)))"#);
    let pre = linker.instantiate_pre(&importing).unwrap();
    refused(pre.instantiate(&mut foreign), "cross-`Engine`");
}

#[test]
fn clones_and_aliases_go_their_own_ways() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("a", "f", || 1_i32).unwrap();
    linker.alias_module("a", "b").unwrap();
    linker.alias_module("not there", "c").unwrap();
    let mut copy = linker.clone();
    copy.allow_shadowing(true)
        .func_wrap("b", "f", || 2_i32)
        .unwrap();
    copy.func_wrap("b", "g", || {}).unwrap();
    let mut call = |linker: &Linker<()>, module: &str| {
        let func = linker.get(&mut store, module, "f").unwrap();
        let func = func.into_func().unwrap().typed::<(), i32>(&store).unwrap();
        func.call(&mut store, ()).unwrap()
    };
    assert_eq!((call(&linker, "a"), call(&linker, "b")), (1, 1));
    assert_eq!((call(&copy, "a"), call(&copy, "b")), (1, 2));
    refused(linker.get(&mut store, "b", "g"), "`b::g`");
    refused(
        linker.alias_module("a", "b"),
        "import of `b::f` defined twice",
    );
    refused(
        linker.alias("a", "none", "c", "d"),
        "no item named `a::none` defined",
    );
}

#[test]
fn unboxed_functions_wait_too() {
    async fn later(mut caller: Caller<'_, i32>, (x,): (i32,)) -> i32 {
        futures::pending!();
        *caller.data_mut() += 1;
        x + 1
    }
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker.func_wrap_async_unboxed("h", "f", later).unwrap();
    let guest = module(
        &engine,
        r#"(module
            (import "h" "f" (func $f (param i32) (result i32)))
            (func $start (drop (call $f (i32.const 0))))
            (start $start)
            (func (export "run") (result i32) (call $f (i32.const 41))))"#,
    );
    let mut store = Store::new(&engine, 0);
    let answer = block_on(async {
        let instance = linker.instantiate_async(&mut store, &guest).await?;
        let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
        run.call_async(&mut store, ()).await
    });
    assert_eq!(answer.unwrap(), 42);
    assert_eq!(*store.data(), 2);
}

#[test]
fn a_module_comes_back_from_its_bytes() {
    let engine = Engine::default();
    let bytes = module(&engine, REACTOR).serialize().unwrap();
    #[expect(unsafe_code, reason = "artifacts are trusted")]
    // SAFETY: the bytes are what `serialize` made.
    let module = unsafe { Module::deserialize(&engine, &bytes) }.unwrap();
    assert_eq!(module.serialize().unwrap(), bytes);
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.module(&mut store, "r", &module).unwrap();
    let get = linker.get(&mut store, "r", "get").unwrap();
    let get = get.into_func().unwrap().typed::<(), i32>(&store).unwrap();
    assert_eq!(get.call(&mut store, ()).unwrap(), 42);
}

#[test]
fn places_of_exports_hold_for_their_module_only() {
    let engine = Engine::default();
    let one = module(&engine, r#"(module (func (export "f")))"#);
    let other = module(&engine, r#"(module (func (export "f")))"#);
    let place = one.get_export_index("f").unwrap();
    let mut store = Store::new(&engine, ());
    let of_one = Instance::new(&mut store, &one, &[]).unwrap();
    let of_other = Instance::new(&mut store, &other, &[]).unwrap();
    assert!(of_one.get_module_export(&mut store, &place).is_some());
    assert!(of_other.get_module_export(&mut store, &place).is_none());
}
