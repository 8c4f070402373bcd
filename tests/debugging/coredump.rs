//! Core dumps of guests.

use super::engine;
use tussah::{Instance, Memory, MemoryType, Module, Store, Trap, WasmBacktrace, WasmCoreDump};
use wasmparser::{KnownCustom, Parser, Payload};

const GUEST: &str = r#"(module $dumped
    (memory 2 5)
    (data (i32.const 70000) "found")
    (global (mut i32) (i32.const -7))
    (global (mut i64) (i64.const 0x123456789a))
    (global f64 (f64.const 1.5))
    (global (mut funcref) (ref.func $inner))
    (func (export "run")
        (i32.store (i32.const 8) (i32.const 0x01020304))
        (global.set 0 (i32.const -9))
        (call $inner))
    (func $inner (export "inner") unreachable))"#;

#[test]
fn a_trap_carries_what_the_store_held() {
    for backtraces in [true, false] {
        let engine = engine(|c| {
            c.coredump_on_trap(true);
            if !backtraces {
                c.wasm_backtrace_max_frames(None);
            }
        });
        let module = Module::new(&engine, GUEST).unwrap();
        let mut store = Store::new(&engine, ());
        Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
        Instance::new(&mut store, &module, &[]).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let run = instance
            .get_typed_func::<(), ()>(&mut store, "run")
            .unwrap();
        let error = run.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
        assert_eq!(error.is::<WasmBacktrace>(), backtraces);
        let dump: &WasmCoreDump = error.downcast_ref().unwrap();
        let names: Vec<_> = dump.frames().iter().map(|f| f.func_index()).collect();
        assert_eq!(names, [1, 0]);
        assert_eq!((dump.modules().len(), dump.instances().len()), (1, 2));
        assert_eq!((dump.memories().len(), dump.globals().len()), (3, 8));
        assert!(dump.to_string().contains("module dumped"));
        check(&dump.serialize(&mut store, "program"));
    }
}

fn check(bytes: &[u8]) {
    wasmparser::validate(bytes).unwrap();
    let mut seen = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::CustomSection(custom) => match custom.as_known() {
                KnownCustom::CoreDump(core) => {
                    assert_eq!(core.name, "program");
                    seen.push("core");
                }
                KnownCustom::CoreDumpModules(modules) => {
                    assert_eq!(modules.modules, ["dumped"]);
                    seen.push("modules");
                }
                KnownCustom::CoreDumpInstances(instances) => {
                    let of = |i: usize| {
                        let instance = &instances.instances[i];
                        (instance.memories.clone(), instance.globals.clone())
                    };
                    assert_eq!(instances.instances.len(), 2);
                    assert_eq!(of(0), (vec![1], vec![0, 1, 2, 3]));
                    assert_eq!(of(1), (vec![2], vec![4, 5, 6, 7]));
                    seen.push("instances");
                }
                KnownCustom::CoreDumpStack(stack) => {
                    assert_eq!(stack.name, "main");
                    let frames: Vec<_> = stack
                        .frames
                        .iter()
                        .map(|f| (f.instanceidx, f.funcidx))
                        .collect();
                    assert_eq!(frames, [(1, 1), (1, 0)]);
                    assert!(stack.frames.iter().all(|f| f.codeoffset > 0));
                    seen.push("stack");
                }
                _ => panic!("unexpected section: {}", custom.name()),
            },
            Payload::MemorySection(memories) => {
                let memories: Vec<_> = memories.into_iter().map(Result::unwrap).collect();
                let limits: Vec<_> = memories.iter().map(|m| (m.initial, m.maximum)).collect();
                assert_eq!(limits, [(1, None), (2, Some(5)), (2, Some(5))]);
            }
            Payload::DataSection(data) => {
                let data: Vec<_> = data.into_iter().map(|d| d.unwrap().data.to_vec()).collect();
                // The first instance has not run.
                assert_eq!(data, [&b"found"[..], &[4, 3, 2, 1], b"found"]);
            }
            Payload::GlobalSection(globals) => {
                let values: Vec<String> = globals
                    .into_iter()
                    .map(|global| {
                        let mut ops = global.unwrap().init_expr.get_operators_reader();
                        format!("{:?}", ops.read().unwrap())
                    })
                    .collect();
                assert_eq!(values.len(), 8);
                assert_eq!(values[0], "I32Const { value: -7 }");
                assert_eq!(values[4], "I32Const { value: -9 }");
                assert_eq!(
                    values[5],
                    format!("I64Const {{ value: {} }}", 0x12_3456_789ai64)
                );
                assert!(values[6].contains("F64Const") && values[7].contains("RefNull"));
            }
            _ => {}
        }
    }
    assert_eq!(seen, ["core", "modules", "instances", "stack"]);
}

#[test]
fn nothing_is_attached_that_nobody_asked_for() {
    let engine = engine(|_| {});
    let module = Module::new(&engine, GUEST).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let run = instance
        .get_typed_func::<(), ()>(&mut store, "run")
        .unwrap();
    assert!(!run.call(&mut store, ()).unwrap_err().is::<WasmCoreDump>());
}
