//! Wrong imports, wrong types, wrong arguments, and bytes that are no module: each refusal names what was wrong.

use tussah::{
    Caller, Engine, Extern, Func, FuncType, Global, GlobalType, Instance, Linker, Memory,
    MemoryType, Module, Mutability, Ref, RefType, Store, Table, TableType, Trap,
    UnknownImportError, Val, ValType,
};

use crate::support::{Rng, block_on, module, refused, text};

#[test]
fn missing_imports_are_named() {
    let engine = Engine::default();
    let guest = module(
        &engine,
        r#"(module (import "env" "the_missing_one" (func (param i32))))"#,
    );
    let linker = Linker::<()>::new(&engine);
    let mut store = Store::new(&engine, ());
    let words = ["unknown import: `env::the_missing_one` has not been defined"];
    refused(linker.instantiate(&mut store, &guest), &words);
    refused(linker.instantiate_pre(&guest), &words);
    refused(
        block_on(linker.instantiate_async(&mut store, &guest)),
        &words,
    );
    let error = linker.instantiate(&mut store, &guest).unwrap_err();
    let unknown = error
        .downcast_ref::<UnknownImportError>()
        .expect("an error with data");
    assert_eq!(
        (unknown.module(), unknown.name()),
        ("env", "the_missing_one")
    );
    refused(
        Instance::new(&mut store, &guest, &[]),
        &["expected 1 imports, found 0"],
    );
    refused(
        block_on(Instance::new_async(&mut store, &guest, &[])),
        &["expected 1 imports, found 0"],
    );
}

#[test]
fn imports_of_the_wrong_type_are_named() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let global = |store: &mut Store<()>, mutability| -> Extern {
        Global::new(
            store,
            GlobalType::new(ValType::I32, mutability),
            Val::I32(1),
        )
        .unwrap()
        .into()
    };
    let things: Vec<(&str, Extern)> = vec![
        ("(func)", Func::wrap(&mut store, || ()).into()),
        (
            "(func (param i32))",
            Func::wrap(&mut store, |_: i32| ()).into(),
        ),
        (
            "(func (result i32))",
            Func::wrap(&mut store, || 1_i32).into(),
        ),
        ("(global i32)", global(&mut store, Mutability::Const)),
        ("(global (mut i32))", global(&mut store, Mutability::Var)),
        (
            "(memory 1 2)",
            Memory::new(&mut store, MemoryType::new(1, Some(2)))
                .unwrap()
                .into(),
        ),
        (
            "(table 1 2 funcref)",
            Table::new(
                &mut store,
                TableType::new(RefType::FUNCREF, 1, Some(2)),
                Ref::Func(None),
            )
            .unwrap()
            .into(),
        ),
        (
            "(table 1 2 externref)",
            Table::new(
                &mut store,
                TableType::new(RefType::EXTERNREF, 1, Some(2)),
                Ref::Extern(None),
            )
            .unwrap()
            .into(),
        ),
    ];
    for (wanted, _) in &things {
        let guest = module(
            &engine,
            &format!(r#"(module (import "some_module" "some_field" {wanted}))"#),
        );
        for (offered, thing) in &things {
            let direct = Instance::new(&mut store, &guest, std::slice::from_ref(thing));
            let mut linker = Linker::new(&engine);
            linker
                .define(&store, "some_module", "some_field", thing.clone())
                .unwrap();
            let linked = linker.instantiate(&mut store, &guest);
            if wanted == offered {
                direct.unwrap();
                linked.unwrap();
            } else {
                let words = ["incompatible import type for `some_module::some_field`"];
                refused(direct, &words);
                refused(linked, &words);
            }
        }
    }
    // The right kind with limits that do not fit.
    for wanted in [
        "(memory 2 2)",
        "(memory 1 1)",
        "(table 2 2 funcref)",
        "(table 1 1 funcref)",
        "(global i64)",
    ] {
        let guest = module(
            &engine,
            &format!(r#"(module (import "some_module" "some_field" {wanted}))"#),
        );
        for (_, thing) in &things {
            refused(
                Instance::new(&mut store, &guest, std::slice::from_ref(thing)),
                &["some_module::some_field"],
            );
        }
    }
}

#[test]
fn definitions_that_clash_are_named() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("a", "b", || ()).unwrap();
    refused(
        linker.func_wrap("a", "b", || ()),
        &["a::b", "defined twice"],
    );
    refused(linker.get(Store::new(&engine, ()), "a", "c"), &["a::c"]);
}

#[test]
fn calls_with_wrong_arguments_are_refused() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let guest = module(
        &engine,
        r#"(module (func (export "f") (param i32 i64) (result f32) (f32.const 1)) (memory (export "m") 1))"#,
    );
    let instance = Instance::new(&mut store, &guest, &[]).unwrap();
    let f = instance.get_func(&mut store, "f").unwrap();
    let (one, two) = (Val::I32(1), Val::I64(2));
    let mut out = [Val::I32(0)];
    refused(
        f.call(&mut store, &[], &mut out),
        &["expected 2 arguments, got 0"],
    );
    refused(
        f.call(&mut store, &[one, two, two], &mut out),
        &["expected 2 arguments, got 3"],
    );
    refused(
        f.call(&mut store, &[one, one], &mut out),
        &["argument type mismatch"],
    );
    refused(
        f.call(&mut store, &[one, two], &mut []),
        &["expected 1 results, got 0"],
    );
    refused(
        block_on(f.call_async(&mut store, &[one, one], &mut out)),
        &["argument type mismatch"],
    );
    f.call(&mut store, &[one, two], &mut out).unwrap();
    assert_eq!(out[0].f32(), Some(1.0));

    refused(
        instance.get_typed_func::<(), ()>(&mut store, "not_there"),
        &["failed to find function export `not_there`"],
    );
    refused(
        instance.get_typed_func::<(), ()>(&mut store, "m"),
        &["failed to find function export `m`"],
    );
    refused(
        instance.get_typed_func::<(), ()>(&mut store, "f"),
        &["failed to convert function `f` to given type"],
    );
    refused(
        instance.get_typed_func::<(i64, i64), f32>(&mut store, "f"),
        &["`f`", "i64", "i32"],
    );
    refused(
        instance.get_typed_func::<(i32, i64), i32>(&mut store, "f"),
        &["`f`"],
    );
    instance
        .get_typed_func::<(i32, i64), f32>(&mut store, "f")
        .unwrap();
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let global = Global::new(
        &mut store,
        GlobalType::new(ValType::I32, Mutability::Const),
        Val::I32(1),
    )
    .unwrap();
    assert!(
        global.set(&mut store, Val::I32(2)).is_err(),
        "an immutable global was set"
    );
    assert!(
        Global::new(
            &mut store,
            GlobalType::new(ValType::I32, Mutability::Var),
            Val::I64(1)
        )
        .is_err()
    );
    let global = Global::new(
        &mut store,
        GlobalType::new(ValType::I32, Mutability::Var),
        Val::I32(1),
    )
    .unwrap();
    assert!(global.set(&mut store, Val::F32(2)).is_err());
    let table = Table::new(
        &mut store,
        TableType::new(RefType::FUNCREF, 4, None),
        Ref::Func(None),
    )
    .unwrap();
    assert!(table.set(&mut store, 0, Ref::Extern(None)).is_err());
    assert!(table.grow(&mut store, 1, Ref::Extern(None)).is_err());
    assert!(
        Table::new(
            &mut store,
            TableType::new(RefType::FUNCREF, 4, None),
            Ref::Extern(None)
        )
        .is_err()
    );
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    assert!(memory.read(&store, usize::MAX, &mut [0; 2]).is_err());
    assert!(memory.write(&mut store, 65_535, &[0; 2]).is_err());
}

#[test]
fn hosts_that_answer_wrongly_are_refused() {
    let engine = Engine::default();
    let guest = module(
        &engine,
        r#"(module (import "h" "f" (func $f (result i32))) (func (export "go") (result i32) (call $f)))"#,
    );
    let ty = || FuncType::new(&engine, [], [ValType::I32]);
    for wrong in [
        Val::I64(1),
        Val::F32(1),
        Val::FuncRef(None),
        Val::ExternRef(None),
    ] {
        let mut store = Store::new(&engine, ());
        let f = Func::new(&mut store, ty(), move |_: Caller<'_, ()>, _, out| {
            out[0] = wrong;
            Ok(())
        });
        let instance = Instance::new(&mut store, &guest, &[f.into()]).unwrap();
        let go = instance
            .get_typed_func::<(), i32>(&mut store, "go")
            .unwrap();
        refused(
            go.call(&mut store, ()),
            &["function attempted to return an incompatible value"],
        );
    }
}

#[test]
fn things_of_another_store_or_engine_are_refused() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut other = Store::new(&engine, ());
    let guest = module(&engine, r#"(module (import "h" "f" (func)))"#);
    let foreign = Func::wrap(&mut other, || ());
    refused(
        Instance::new(&mut store, &guest, &[foreign.into()]),
        &["cross-`Store`"],
    );
    let takes = module(&engine, r#"(module (func (export "f") (param funcref)))"#);
    let instance = Instance::new(&mut store, &takes, &[]).unwrap();
    let f = instance.get_func(&mut store, "f").unwrap();
    refused(
        f.call(&mut store, &[Val::FuncRef(Some(foreign))], &mut []),
        &["argument type mismatch", "cross-`Store`"],
    );
    let stranger = Engine::default();
    let guest = module(&stranger, "(module)");
    refused(Instance::new(&mut store, &guest, &[]), &["cross-`Engine`"]);
    refused(
        Linker::<()>::new(&engine).instantiate(&mut store, &guest),
        &["cross-`Engine`"],
    );
}

#[test]
fn settings_that_were_not_made_are_refused() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    refused(store.set_fuel(1), &["fuel"]);
    refused(store.get_fuel(), &["fuel"]);
    refused(store.fuel_async_yield_interval(Some(1)), &["fuel"]);
    let mut config = tussah::Config::new();
    config.consume_fuel(true);
    let mut store = Store::new(&Engine::new(&config).unwrap(), ());
    refused(
        store.fuel_async_yield_interval(Some(0)),
        &["fuel_async_yield_interval", "0"],
    );
}

#[test]
fn a_sync_call_of_an_async_store_is_refused() {
    let engine = Engine::default();
    let guest = module(
        &engine,
        r#"(module (import "h" "f" (func $f)) (func (export "go") (call $f)))"#,
    );
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap_async("h", "f", |_: Caller<'_, ()>, (): ()| Box::new(async {}))
        .unwrap();
    let mut store = Store::new(&engine, ());
    let words = ["store configuration requires that `*_async` functions are used instead"];
    refused(linker.instantiate(&mut store, &guest), &words);
    let instance = block_on(linker.instantiate_async(&mut store, &guest)).unwrap();
    let go = instance.get_typed_func::<(), ()>(&mut store, "go").unwrap();
    refused(go.call(&mut store, ()), &words);
    block_on(go.call_async(&mut store, ())).unwrap();
}

#[test]
fn a_sync_call_on_a_fiber_is_refused() {
    let engine = Engine::default();
    let guest = module(
        &engine,
        r#"(module (import "h" "f" (func $f)) (func (export "go") (call $f)) (func (export "leaf")))"#,
    );
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("h", "f", |mut caller: Caller<'_, ()>| {
            let leaf = caller
                .get_export("leaf")
                .and_then(Extern::into_func)
                .expect("an export");
            leaf.call(&mut caller, &[], &mut [])
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &guest).unwrap();
    let go = instance.get_typed_func::<(), ()>(&mut store, "go").unwrap();
    go.call(&mut store, ()).unwrap();
    refused(
        block_on(go.call_async(&mut store, ())),
        &["cannot do blocking `call` from an async context"],
    );
}

#[test]
fn bytes_that_are_no_module_are_refused() {
    let engine = Engine::default();
    let mut rng = Rng(9);
    let noise: Vec<u8> = (0..10_000).map(|_| rng.byte()).collect();
    let with_magic = [b"\0asm\x01\0\0\0", &noise[..]].concat();
    let inputs: [&[u8]; 10] = [
        b"",
        b"\0",
        b"\0asm",
        b"\0asm\x01\0\0",
        b"\0asm\x02\0\0\0",
        b"\0asm\x0d\0\x01\0",
        b"\x7fELF\x02\x01\x01\0",
        b"(module",
        &noise,
        &with_magic,
    ];
    for input in inputs {
        let error = Module::from_binary(&engine, input).err();
        let error =
            error.unwrap_or_else(|| panic!("{:?} was accepted", &input[..input.len().min(10)]));
        assert!(!text(&error).is_empty());
        assert!(Module::validate(&engine, input).is_err());
        // SAFETY: the bytes do not claim to be an artifact of this or any other engine, which is for the call to find out.
        let artifact = unsafe { Module::deserialize(&engine, input) };
        assert!(artifact.is_err());
    }
    assert!(Module::from_file(&engine, "/a/file/that/is/not/there.wasm").is_err());
    refused(
        Module::new(&engine, "(module (func (i32.add)))"),
        &["type mismatch"],
    );
    refused(
        Module::new(&engine, "(module (func $f (call $not_there)))"),
        &["not_there"],
    );
}

#[test]
fn artifacts_that_were_cut_or_of_another_engine_are_refused() {
    let engine = Engine::default();
    let artifact = module(&engine, r#"(module (func (export "f")))"#)
        .serialize()
        .unwrap();
    for len in [0, 1, 8, 64, artifact.len() / 2] {
        // SAFETY: only the beginning is there, and the call says so before anything of it is run.
        let cut = unsafe { Module::deserialize(&engine, &artifact[..len]) };
        assert!(cut.is_err(), "{len} bytes of {}", artifact.len());
    }
    let mut config = tussah::Config::new();
    config.consume_fuel(true);
    let metered = Engine::new(&config).unwrap();
    // SAFETY: the bytes are what `serialize` gave; that the settings are others is for the call to find out.
    refused(
        unsafe { Module::deserialize(&metered, &artifact) },
        &["fuel"],
    );
}

#[test]
fn traps_say_where() {
    let engine = Engine::default();
    let guest = module(
        &engine,
        r#"(module $the_guest
            (func $innermost (unreachable))
            (func $middle (call $innermost))
            (func (export "go") (call $middle)))"#,
    );
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &guest, &[]).unwrap();
    let go = instance.get_typed_func::<(), ()>(&mut store, "go").unwrap();
    let error = go.call(&mut store, ()).unwrap_err();
    assert_eq!(
        error.downcast_ref::<Trap>(),
        Some(&Trap::UnreachableCodeReached)
    );
    let text = text(&error);
    for word in [
        "the_guest!innermost",
        "the_guest!middle",
        "wasm trap: wasm `unreachable` instruction executed",
    ] {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}
