//! What comes out of the compiler, short of running it.

use super::link::{Compiled, link};
use super::settings::{host_isa, linear_isa};
use super::symbol::Symbol;
use super::trampoline::Trampolines;
use super::{Compiler, CompilerSettings, OptLevel};
use crate::abi::builtins::Builtin;
use crate::code::{Artifact, Tunables};
use crate::entity::EntityRef;
use crate::error::{Error, Result};
use crate::wasm::{
    ConstOp, DataMode, ElemItems, EntityIndex, FuncIndex, Trap, WasmFuncType, WasmRef, WasmVal,
};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use wasmparser::WasmFeatures;

fn features() -> WasmFeatures {
    WasmFeatures::default()
        & !(WasmFeatures::THREADS
            | WasmFeatures::GC
            | WasmFeatures::EXCEPTIONS
            | WasmFeatures::FUNCTION_REFERENCES)
}

fn settings() -> CompilerSettings {
    CompilerSettings {
        opt_level: OptLevel::Speed,
        single_pass_regalloc: false,
        nan_canonicalization: false,
        debug_verifier: true,
        parallel: true,
        unwind_info: false,
        keep_dwarf: false,
        features: features(),
        asked: features(),
        flags: Vec::new(),
        clif_dir: None,
    }
}

fn compiler() -> Compiler {
    Compiler::new(&settings(), &Tunables::default()).unwrap()
}

fn variants() -> Vec<(&'static str, Tunables)> {
    let base = Tunables::default;
    vec![
        ("default", base()),
        (
            "fuel",
            Tunables {
                consume_fuel: true,
                ..base()
            },
        ),
        (
            "epochs",
            Tunables {
                epoch_interruption: true,
                ..base()
            },
        ),
        (
            "no signals",
            Tunables {
                signals_based_traps: false,
                ..base()
            },
        ),
        (
            "bounds checks",
            Tunables {
                memory_reservation: 0,
                memory_guard_size: 0,
                ..base()
            },
        ),
        (
            "no addresses",
            Tunables {
                generate_address_map: false,
                ..base()
            },
        ),
    ]
}

/// Everything that must hold of any artifact.
fn check(artifact: &Artifact) {
    let text = u32::try_from(artifact.text.bytes.len()).unwrap();
    let mut end = 0;
    for (_, f) in &artifact.functions {
        assert!(f.start.is_multiple_of(16));
        assert!(f.len > 0);
        assert!(f.start >= end, "functions overlap");
        end = f.start + f.len;
        assert!(end <= text);
    }
    let traps: Vec<_> = artifact.tables.traps.iter().collect();
    assert!(traps.windows(2).all(|w| w[0].0 < w[1].0), "traps unsorted");
    for (offset, [code]) in traps {
        assert!(crate::abi::decode_trap(code).is_some(), "trap code {code}");
        assert!(
            artifact
                .functions
                .values()
                .any(|f| (f.start..f.start + f.len).contains(&offset)),
            "a trap outside of all functions"
        );
        assert_eq!(artifact.tables.trap_at(offset), Some(code));
    }
    let addresses: Vec<_> = artifact.tables.addresses().collect();
    assert!(
        addresses.windows(2).all(|w| w[0].0 < w[1].0),
        "addresses unsorted"
    );
    assert!(addresses.iter().all(|&(offset, _)| offset < text));
}

fn compile(wat: &str) -> Result<Artifact> {
    compiler().compile_module(&wat::parse_str(wat).unwrap())
}

fn refusal(wat: &str) -> String {
    compile(wat).map(drop).unwrap_err().to_string()
}

#[test]
fn real_guests_compile_under_every_setting() {
    let guests = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/guests");
    let mut seen = 0;
    for entry in std::fs::read_dir(guests).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ext| ext != "wasm") {
            continue;
        }
        let wasm = std::fs::read(&path).unwrap();
        compiler().validate(&wasm).unwrap();
        for (name, tunables) in variants() {
            let compiler = Compiler::new(&settings(), &tunables).unwrap();
            let artifact = compiler
                .compile_module(&wasm)
                .unwrap_or_else(|e| panic!("{} with {name}: {e:?}", path.display()));
            check(&artifact);
            assert!(artifact.functions.len() > 0);
            assert_eq!(
                artifact.tables.addresses.len() == 0,
                !tunables.generate_address_map
            );
        }
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} guests found");
}

#[test]
fn guests_compile_by_cheap_algorithms() {
    let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/guests/greeter.wasm");
    let wasm = std::fs::read(guest).unwrap();
    let cheap = CompilerSettings {
        opt_level: OptLevel::None,
        single_pass_regalloc: true,
        flags: vec![("regalloc_checker".to_owned(), None)],
        ..settings()
    };
    let interrupted = Tunables {
        consume_fuel: true,
        epoch_interruption: true,
        ..Tunables::default()
    };
    let compiler = Compiler::new(&cheap, &interrupted).unwrap();
    check(&compiler.compile_module(&wasm).unwrap());
}

#[test]
fn a_module_is_described() {
    let artifact = compile(
        r#"(module $m
            (import "a" "f" (func $imp (param i32)))
            (import "a" "g" (global $base i32))
            (import "a" "t" (table 1 funcref))
            (memory 1 2)
            (global (mut i64) (i64.const -7))
            (global funcref (ref.func $held))
            (global v128 (v128.const i32x4 1 2 3 4))
            (table 3 externref)
            (elem (i32.const 0) func $imp $listed)
            (elem declare func $declared $listed)
            (elem funcref (ref.func $expr) (ref.null func))
            (data "passive")
            (data (global.get $base) "active")
            (func $held) (func $listed) (func $declared) (func $expr) (func $hidden)
            (func $out (export "out") (export "again"))
            (export "imp" (func $imp))
            (start $hidden))"#,
    )
    .unwrap();
    check(&artifact);
    let m = &artifact.module;
    assert_eq!(m.name.as_deref(), Some("m"));
    assert_eq!(
        (m.imported_funcs, m.imported_tables, m.imported_globals),
        (1, 1, 1)
    );
    assert_eq!(
        m.imports
            .iter()
            .map(|i| i.name.as_str())
            .collect::<Vec<_>>(),
        ["f", "g", "t"]
    );
    assert_eq!(m.func_name(FuncIndex::new(5)), Some("hidden"));
    assert_eq!(m.start, Some(FuncIndex::new(5)));
    let mut escaping: Vec<u32> = m.escaping.iter().map(|f| f.as_u32()).collect();
    escaping.sort_unstable();
    assert_eq!(
        escaping,
        [1, 2, 3, 4, 6],
        "defined functions that can be referred to, once each"
    );
    assert_eq!(
        m.exports["again"].index,
        EntityIndex::Func(FuncIndex::new(6))
    );
    assert_eq!(
        m.exports.keys().collect::<Vec<_>>(),
        ["out", "again", "imp"]
    );
    let inits: Vec<_> = m.global_inits.values().map(|e| e.ops[0]).collect();
    assert_eq!(inits[0], ConstOp::I64(-7));
    assert_eq!(inits[1], ConstOp::RefFunc(FuncIndex::new(1)));
    assert_eq!(
        inits[2],
        ConstOp::V128(0x0000_0004_0000_0003_0000_0002_0000_0001)
    );
    assert_eq!(m.tables.values().last().unwrap().element, WasmRef::EXTERN);
    assert_eq!(m.memories.values().next().unwrap().max, Some(2));
    assert!(matches!(&m.elems.values().nth(2).unwrap().items, ElemItems::Exprs(e) if e.len() == 2));
    let data: Vec<_> = m.data.keys().map(|d| m.data_of(d)).collect();
    assert_eq!(data, [&b"passive"[..], b"active"]);
    assert!(matches!(
        m.data.values().next().unwrap().mode,
        DataMode::Passive
    ));
    assert_eq!(artifact.functions.len(), 6);
}

#[test]
fn a_broken_name_section_is_no_fault() {
    let mut wasm = wat::parse_str("(module (func))").unwrap();
    wasm.extend([0, 9, 4]);
    wasm.extend(b"name");
    wasm.extend([1, 200, 200, 3]);
    let artifact = compiler().compile_module(&wasm).unwrap();
    assert!(artifact.module.func_names.table.len() == 0);
}

#[test]
fn names_of_functions_that_do_not_exist_are_dropped() {
    let mut wasm = wat::parse_str("(module (func))").unwrap();
    // The name section: a function subsection that names functions 0 and 9.
    wasm.extend([0, 14, 4]);
    wasm.extend(b"name");
    wasm.extend([1, 7, 2, 0, 1, b'a', 9, 1, b'b']);
    let artifact = compiler().compile_module(&wasm).unwrap();
    assert_eq!(
        (0..9)
            .filter_map(|i| Some((i, artifact.module.func_name(FuncIndex::new(i as usize))?)))
            .collect::<Vec<(u32, _)>>(),
        [(0, "a")]
    );
}

#[test]
fn faults_say_where() {
    for wasm in [&b"\0asm"[..], b"nonsense", b"\0asm\x01\0\0\0\x01\x7f"] {
        let error = compiler().compile_module(wasm).unwrap_err().to_string();
        assert!(error.contains("(at offset 0x"), "{error}");
        let error = compiler().validate(wasm).unwrap_err().to_string();
        assert!(error.contains("(at offset 0x"), "{error}");
    }
    let error = refusal("(module (func (result i32)))");
    assert!(
        error.contains("type mismatch") && error.contains("(at offset 0x"),
        "{error}"
    );
    let component = wat::parse_str("(component)").unwrap();
    let error = compiler()
        .compile_module(&component)
        .unwrap_err()
        .to_string();
    assert!(error.contains("component"), "{error}");
}

#[test]
fn the_first_fault_is_reported() {
    let mut wat = "(module".to_owned();
    for i in 0..500 {
        let fault = if i % 100 == 57 {
            "i64.const 0"
        } else {
            "i32.const 0"
        };
        wat += &format!("(func (result i32) {fault})");
    }
    wat += ")";
    let all: Vec<String> = (0..5).map(|_| refusal(&wat)).collect();
    assert!(all.windows(2).all(|w| w[0] == w[1]), "{all:?}");
    let one_thread = CompilerSettings {
        parallel: false,
        ..settings()
    };
    let one_thread = Compiler::new(&one_thread, &Tunables::default()).unwrap();
    let wasm = wat::parse_str(&wat).unwrap();
    assert_eq!(
        one_thread.compile_module(&wasm).unwrap_err().to_string(),
        all[0]
    );
}

#[test]
fn what_is_not_supported_is_named() {
    let everything = CompilerSettings {
        features: WasmFeatures::all(),
        asked: WasmFeatures::all(),
        ..settings()
    };
    let compiler = Compiler::new(&everything, &Tunables::default()).unwrap();
    for (wat, name) in [
        ("(module (memory 1 2 shared))", "threads"),
        ("(module (tag))", "exception-handling"),
        ("(module (import \"\" \"\" (tag)))", "exception-handling"),
        ("(module (type (struct)))", "gc"),
        ("(module (rec (type (func)) (type (func))))", "gc"),
        ("(module (global anyref (ref.null any)))", "gc"),
        (
            "(module (type $f (func)) (table 1 (ref null $f)))",
            "function-references",
        ),
        (
            "(module (global exnref (ref.null exn)))",
            "exception-handling",
        ),
    ] {
        let wasm = wat::parse_str(wat).unwrap();
        let error = compiler.compile_module(&wasm).unwrap_err().to_string();
        assert!(
            error.contains(name) && error.contains("supported"),
            "{wat}: {error}"
        );
        assert!(error.contains("offset "), "{wat}: {error}");
    }
}

#[test]
fn flags_are_checked() {
    let with = |name: &str, value: Option<&str>| {
        let flags = vec![(name.to_owned(), value.map(str::to_owned))];
        Compiler::new(
            &CompilerSettings {
                flags,
                ..settings()
            },
            &Tunables::default(),
        )
    };
    let error = |r: Result<Compiler>| r.map(drop).map_err(|e: Error| e.to_string()).unwrap_err();
    assert!(error(with("no_such_flag", None)).contains("no_such_flag"));
    assert!(error(with("opt_level", Some("fastest"))).contains("opt_level"));
    assert!(
        error(with("preserve_frame_pointers", Some("false"))).contains("preserve_frame_pointers")
    );
    assert!(error(with("enable_pinned_reg", None)).contains("enable_pinned_reg"));
    assert!(
        with("opt_level", Some("none"))
            .unwrap()
            .describe()
            .contains("opt_level=none")
    );
    if cfg!(target_arch = "x86_64") {
        assert!(error(with("has_sse41", Some("false"))).contains("SSE4.1"));
    }
    let plain = compiler().describe();
    let nan = CompilerSettings {
        nan_canonicalization: true,
        ..settings()
    };
    let nan = Compiler::new(&nan, &Tunables::default())
        .unwrap()
        .describe();
    assert_ne!(plain, nan);
}

#[test]
fn flags_that_change_nothing_are_not_told() {
    let with = |flags: &[(&str, Option<&str>)]| {
        let flags = flags.iter();
        let owned = |(name, value): &(&str, Option<&str>)| {
            let value = value.map(str::to_owned);
            (String::from(*name), value)
        };
        let settings = CompilerSettings {
            flags: flags.map(owned).collect(),
            ..settings()
        };
        Compiler::new(&settings, &Tunables::default()).unwrap()
    };
    let plain = compiler();
    // The default, what the engine sets itself, and extensions, which are told apart from it.
    for flags in [
        &[("opt_level", Some("speed"))][..],
        &[("enable_verifier", Some("1"))],
        &[("opt_level", Some("none")), ("opt_level", Some("speed"))],
        &[("has_avx512f", Some("false"))],
        &[("nehalem", None), ("has_sse41", None)],
    ] {
        assert_eq!(with(flags).describe(), plain.describe(), "{flags:?}");
    }
    assert!(
        !with(&[("has_avx512f", Some("false"))])
            .cpu_features()
            .contains("avx512f")
    );
    let alias = |value| with(&[("enable_alias_analysis", Some(value))]).describe();
    assert_eq!(alias("true"), plain.describe());
    assert_ne!(alias("false"), plain.describe());
    assert!(alias("false").ends_with(" enable_alias_analysis=false"));
}

#[test]
fn the_runtime_knows_every_extension_that_code_may_use() {
    let isa = host_isa(&settings()).unwrap();
    for flag in isa.isa_flags() {
        // Else it would have to be part of the description.
        let name = flag.name.strip_prefix("has_").expect(flag.name);
        let available = crate::os::has_cpu_feature(name);
        assert!(available.is_some(), "{name}");
        if flag.as_bool() == Some(true) {
            assert_eq!(available, Some(true), "{name}");
        }
    }
}

fn mixed(count: usize, from: usize) -> Box<[WasmVal]> {
    let kinds = [
        WasmVal::I32,
        WasmVal::F64,
        WasmVal::Ref(WasmRef::EXTERN),
        WasmVal::V128,
        WasmVal::I64,
        WasmVal::Ref(WasmRef::FUNC),
        WasmVal::F32,
    ];
    (from..from + count)
        .map(|i| kinds[i % kinds.len()])
        .collect()
}

#[test]
fn trampolines_compile_for_every_shape() {
    let compiler = compiler();
    let big = [(1000, 1000), (1000, 0), (0, 1000)];
    let small = (0..=20).flat_map(|p| (0..=20).map(move |r| (p, r)));
    for (params, results) in small.chain(big) {
        let ty = WasmFuncType {
            params: mixed(params, 0),
            results: mixed(results, 3),
        };
        let code = compiler
            .compile_trampolines([&ty])
            .unwrap_or_else(|e| panic!("{ty}: {e:?}"));
        let [place] = code.places[..] else {
            panic!("one type")
        };
        assert_eq!(place.enter, 0);
        assert!(place.exit > 0 && place.exit.is_multiple_of(16));
        assert!(code.text.len() > place.exit as usize);
    }
}

#[test]
fn the_linear_register_allocator_knows_every_convention() {
    // `Tail`, `PreserveAll`, `try_call_indirect`: with the symbolic checker watching.
    let settings = CompilerSettings {
        flags: vec![("regalloc_checker".to_owned(), None)],
        ..settings()
    };
    for isa in [host_isa(&settings).unwrap(), linear_isa(&settings).unwrap()] {
        let mut trampolines = Trampolines::new(isa.frontend_config(), false);
        let mut context = Context::new();
        let compile = |context: &mut Context| {
            let compiled = context.compile(&*isa, &mut ControlPlane::default());
            assert!(!compiled.unwrap().code_buffer().is_empty());
            context.clear();
        };
        for symbol in leaving() {
            leave(symbol, &mut trampolines, &mut context.func);
            compile(&mut context);
        }
        for (params, results) in [(0, 0), (3, 20), (20, 3), (1000, 1000)] {
            let ty = WasmFuncType {
                params: mixed(params, 0),
                results: mixed(results, 3),
            };
            trampolines.enter(&ty, &mut context.func);
            compile(&mut context);
            trampolines.exit(&ty, &mut context.func);
            compile(&mut context);
        }
    }
}

/// By what wasm code leaves to the runtime.
fn leaving() -> impl Iterator<Item = Symbol> {
    let builtins = Builtin::ALL.iter().filter(|&&b| b != Builtin::RaiseTrap);
    let traps = (0..=u8::MAX).filter(|&code| crate::abi::decode_trap(code).is_some());
    builtins
        .map(|&b| Symbol::Builtin(b))
        .chain(traps.map(Symbol::Raise))
}

fn leave(symbol: Symbol, trampolines: &mut Trampolines, out: &mut Function) {
    match symbol {
        Symbol::Builtin(builtin) => trampolines.builtin(builtin, out),
        Symbol::Raise(code) => trampolines.raise(code, out),
        _ => unreachable!("not a way out"),
    }
}

#[test]
fn every_builtin_has_a_trampoline() {
    let isa = host_isa(&settings()).unwrap();
    let mut trampolines = Trampolines::new(isa.frontend_config(), true);
    let mut context = Context::new();
    let mut all = Vec::new();
    for symbol in leaving() {
        leave(symbol, &mut trampolines, &mut context.func);
        context
            .compile(&*isa, &mut ControlPlane::default())
            .unwrap();
        let compiled = context.take_compiled_code().unwrap();
        all.push(Compiled::new(symbol, &context.func, &compiled, &*isa, false).unwrap());
        context.clear();
    }
    let linked = link(&*isa, &all, true).unwrap();
    assert_eq!(linked.starts.len(), all.len());
    assert_eq!(linked.text.len() % 8, 0);
    for (start, f) in linked.starts.iter().zip(&all) {
        assert_eq!(start % f.align, 0);
        // Up to the address of the host's word, which a cold one begins with.
        assert_eq!(linked.text[*start as usize..][..4], f.code[..4]);
        assert!(f.code.len() > 16);
    }
}

#[test]
fn compilation_is_deterministic() {
    let mut wat = "(module".to_owned();
    for i in 0..200 {
        wat += &format!("(func (param i32) (result i32) (i32.add (local.get 0) (i32.const {i})))");
    }
    wat += ")";
    let a = compile(&wat).unwrap();
    let b = compile(&wat).unwrap();
    assert_eq!(*a.text.bytes, *b.text.bytes);
    assert_eq!(a.tables.addresses.bytes(), b.tables.addresses.bytes());
}

#[test]
fn traps_and_addresses_are_found() {
    let artifact = compile("(module (func unreachable))").unwrap();
    check(&artifact);
    let (offset, [code]) = artifact
        .tables
        .traps
        .iter()
        .find(|&(_, [code])| crate::abi::decode_trap(code) == Some(Trap::UnreachableCodeReached))
        .expect("`unreachable` is a trap site");
    assert_eq!(artifact.tables.trap_at(offset), Some(code));
    let body = artifact.functions.values().next().unwrap().wasm_offset;
    let wasm_offset = artifact.tables.wasm_offset_at(offset).unwrap();
    // One byte of locals, then the operator.
    assert_eq!(wasm_offset, body + 1);
}

#[test]
fn nesting_does_not_blow_up() {
    // Minutes and gigabytes with full effort.
    let nested = |depth: usize, open: &str, inner: &str, close: &str| {
        let mut wat = "(module (memory 1) (func (param i32) (result i32) ".to_owned();
        wat += "(local i32 i32 i32 i32)";
        wat += &open.repeat(depth);
        wat += inner;
        wat += &close.repeat(depth);
        wat + " local.get 0))"
    };
    let set = "i32.const 4 local.set 0";
    for wat in [
        nested(5_000, "local.get 0 if ", set, " else end"),
        nested(5_000, "loop ", set, " i32.const 0 br_if 0 end"),
    ] {
        check(&compile(&wat).unwrap());
    }
}

#[test]
fn a_function_beyond_a_limit_is_named() {
    // Twenty thousand values wait on the stack while twelve thousand blocks pass.
    let mut wat = "(module (memory 1) (func) (func $huge (param i32) (result i32) ".to_owned();
    wat += &"(i32.load (i32.const 0))".repeat(20_000);
    wat += &"(block (br_if 0 (local.get 0)))".repeat(12_000);
    wat += &"i32.add ".repeat(19_999);
    wat += "))";
    let error = refusal(&wat);
    assert!(error.contains("function 1 (huge)"), "{error}");
    assert!(
        error.contains("live values") && error.contains("limit"),
        "{error}"
    );
}
