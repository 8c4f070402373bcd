//! Every snippet and example guest goes through validation, translation, Cranelift's verifier and code generation, under
//! each kind of settings; some are then looked at.

use super::{FuncTranslator, TranslateEnv};
use crate::abi::VmctxLayout;
use crate::code::Tunables;
use crate::compile::environ::{Customs, describe};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, verify_function};
use wasmparser::{FuncValidatorAllocations, WasmFeatures};

fn isa() -> OwnedTargetIsa {
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", "speed"),
        ("preserve_frame_pointers", "true"),
        ("enable_multi_ret_implicit_sret", "true"),
        ("enable_probestack", "false"),
        ("unwind_info", "false"),
        ("enable_verifier", "true"),
    ] {
        flags.set(name, value).unwrap();
    }
    cranelift_native::builder()
        .unwrap()
        .finish(settings::Flags::new(flags))
        .unwrap()
}

fn features() -> WasmFeatures {
    WasmFeatures::WASM2
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::MEMORY64
        | WasmFeatures::CUSTOM_PAGE_SIZES
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::WIDE_ARITHMETIC
}

const HINTS: Customs = Customs {
    hints: true,
    dwarf: false,
};

pub(super) fn plain() -> Tunables {
    Tunables::default()
}

pub(super) fn fuel() -> Tunables {
    Tunables {
        consume_fuel: true,
        ..plain()
    }
}

fn epoch() -> Tunables {
    Tunables {
        epoch_interruption: true,
        ..plain()
    }
}

fn variants() -> [(&'static str, Tunables); 7] {
    [
        ("plain", plain()),
        ("fuel", fuel()),
        ("epoch", epoch()),
        (
            "fuel and epoch",
            Tunables {
                epoch_interruption: true,
                ..fuel()
            },
        ),
        (
            "no signals",
            Tunables {
                signals_based_traps: false,
                ..fuel()
            },
        ),
        (
            "small reservation",
            Tunables {
                memory_reservation: 1 << 20,
                memory_guard_size: 1 << 16,
                ..plain()
            },
        ),
        (
            "small reservation that cannot move",
            Tunables {
                memory_reservation: 1 << 24,
                memory_guard_size: 0,
                memory_may_move: false,
                ..plain()
            },
        ),
    ]
}

/// Translates, verifies and compiles every function: CLIF as translated, and as optimised.
fn compile(wasm: &[u8], tunables: &Tunables) -> crate::Result<Vec<(String, String)>> {
    let isa = isa();
    let described = describe(wasm, features(), HINTS)?;
    let layout = VmctxLayout::new(&described.module).unwrap();
    let env = TranslateEnv {
        isa: &*isa,
        module: &described.module,
        layout: &layout,
        tunables,
    };
    let mut translator = FuncTranslator::new();
    let mut allocs = FuncValidatorAllocations::default();
    let mut ctx = Context::new();
    let mut out = Vec::new();
    for body in described.bodies {
        ctx.clear();
        let mut validator = body.validate.into_validator(std::mem::take(&mut allocs));
        translator.translate(
            &env,
            body.func,
            body.body,
            &body.hints,
            &mut validator,
            &mut ctx.func,
        )?;
        allocs = validator.into_allocations();
        let before = ctx.func.display().to_string();
        if let Err(errors) = verify_function(&ctx.func, &*isa) {
            panic!("{errors}\n{before}");
        }
        if let Err(error) = ctx.compile(&*isa, &mut ControlPlane::default()) {
            panic!("{:?}\n{before}", error.inner);
        }
        out.push((before, ctx.func.display().to_string()));
    }
    Ok(out)
}

/// The CLIF of the only function of a text module.
pub(super) fn clif(wat: &str, tunables: &Tunables) -> (String, String) {
    let mut all = compile(&wat::parse_str(wat).unwrap(), tunables).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

const SNIPPETS: &[&str] = &[
    "(module (func))",
    "(module (func (param i32 i64 f32 f64) (result f64) local.get 3))",
    "(module (func (result i32) (local i32 i64 f32 f64 funcref externref) local.get 0))",
    "(module (func (result i32) unreachable))",
    "(module (func (result i32) (return (i32.const 1)) (i32.add) (drop) (block (loop (br 0))) i32.const 2))",
    // Blocks of every arity.
    "(module (func (param i32) (result i32 i64) (block (result i32 i64) i32.const 1 i64.const 2 (br_if 0 (local.get 0)) drop i64.const 3)))",
    "(module (func (param i32) (result i32) (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2)))))",
    "(module (func (param i32) (if (local.get 0) (then (nop)))))",
    "(module (func (param i32) (result i32) i32.const 7 (if (param i32) (result i32) (local.get 0) (then))))",
    "(module (func (param i32) (result i32) i32.const 7 (if (param i32) (result i32) (local.get 0) (then unreachable))))",
    "(module (func (param i32) (result i32) i32.const 7 (if (param i32) (result i32) (local.get 0) (then unreachable) (else i32.const 1 i32.add))))",
    "(module (func (param i32) (result i32) i32.const 7 (if (param i32) (result i32) (local.get 0) (then i32.const 2 i32.mul) (else unreachable))))",
    "(module (func (param i32) (result i32) (if (result i32) (local.get 0) (then unreachable) (else unreachable))))",
    "(module (func (param i32) (result i32) (if (result i32) (local.get 0) (then (br 0 (i32.const 1))) (else unreachable))))",
    "(module (func unreachable (if (i32.const 0) (then nop) (else (block (loop)))) ))",
    "(module (func (param i32) (result i32) i32.const 0 (loop (param i32) (result i32) i32.const 1 i32.add (br_if 0 (local.get 0)))))",
    "(module (func (loop (br 0))))",
    "(module (func (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))",
    // Every br_table: forwards, backwards, to the function, with values.
    "(module (func (param i32) (block (block (loop (br_table 0 1 2 0 1 2 (local.get 0)))))))",
    "(module (func (param i32) (result i32) (block (result i32) (block (result i32) (br_table 0 1 2 1 0 (i32.const 5) (local.get 0))) (i32.const 1) i32.add)))",
    "(module (func (param i32) (result i64) i64.const 9 (loop (param i64) (result i64) (block (param i64) (result i64) (br_table 0 1 (local.get 0))))))",
    "(module (func (param i32) (br_table 0 (local.get 0))))",
    // Locals, globals, select.
    "(module (global i32 (i32.const 1)) (global $g (mut i64) (i64.const 1)) (func (result i32) (global.set $g (i64.add (global.get $g) (i64.const 1))) (global.get 0)))",
    r#"(module (import "m" "g" (global $g (mut f32))) (import "m" "h" (global f64)) (func (result f64) (global.set $g (f32.neg (global.get $g))) (global.get 1)))"#,
    r#"(module (global $e (mut externref) (ref.null extern)) (global $f (mut funcref) (ref.null func)) (func (param externref funcref) (global.set $e (local.get 0)) (global.set $f (local.get 1)) (drop (ref.is_null (global.get $e))) (drop (ref.is_null (global.get $f)))))"#,
    "(module (func (param i32 externref) (result externref) (select (result externref) (local.get 1) (ref.null extern) (local.get 0))))",
    "(module (func (param i32 f64 f64) (result f64) (select (local.get 1) (local.get 2) (local.get 0))))",
    // Calls.
    r#"(module (import "m" "f" (func $f (param i32) (result i32))) (func (export "a") (param i32) (result i32) (call $f (call $g (local.get 0)))) (func $g (param i32) (result i32) (return_call $f (local.get 0))) (func (param i32) (result i32) (return_call $g (local.get 0))))"#,
    "(module (func $f (result i32 i64 f32 f64 i32 i64 f32 f64 i32) i32.const 1 i64.const 2 f32.const 3 f64.const 4 i32.const 5 i64.const 6 f32.const 7 f64.const 8 i32.const 9) (func (result i32) call $f drop drop drop drop drop drop drop drop))",
    "(module (type $t (func (param i32) (result i32))) (table 4 funcref) (func (param i32) (result i32) (call_indirect (type $t) (local.get 0) (i32.const 1))) (func (param i32) (result i32) (return_call_indirect (type $t) (local.get 0) (local.get 0))))",
    r#"(module (type $t (func)) (import "m" "t" (table 1 funcref)) (func (param i32) (call_indirect (type $t) (local.get 0))))"#,
    r#"(module (import "m" "f" (func $f)) (func $g) (elem declare func $f $g) (func (result funcref funcref) (ref.func $f) (ref.func $g)))"#,
    // Tables.
    "(module (table $t 1 9 funcref) (table $e 0 externref) (elem $s func 0) (func (param i32 externref) (result funcref) (table.set $e (local.get 0) (local.get 1)) (drop (table.get $e (i32.const 3))) (drop (table.grow $e (local.get 1) (local.get 0))) (table.fill $e (i32.const 0) (local.get 1) (i32.const 200)) (table.copy $t $t (i32.const 0) (i32.const 1) (local.get 0)) (table.init $t $s (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $s) (drop (table.size $e)) (table.get $t (i32.const 0))))",
    "(module (table $t i64 1 9 funcref) (func (param i64) (result i64) (table.set $t (local.get 0) (table.get $t (i64.const 0))) (table.fill $t (local.get 0) (ref.null func) (local.get 0)) (drop (table.size $t)) (table.grow $t (ref.null func) (local.get 0))))",
    // Memories.
    "(module (memory 1) (func (param i32) (result i64) (i64.store32 offset=8 (local.get 0) (i64.load16_s offset=0xffffffff (local.get 0))) (f64.store (local.get 0) (f64.load offset=0x80000000 (local.get 0))) (i32.store8 (i32.const 5) (i32.load8_u (i32.const 65535))) (i64.load32_s align=1 (local.get 0))))",
    "(module (memory 1 1) (func (param i32) (result i32) (i32.load offset=0x10000 (local.get 0))))",
    "(module (memory 0 0) (func (param i32) (result i32) (block (result i32) (i32.load (local.get 0)))))",
    "(module (memory 2 8) (func (param i32) (result i32) (i32.load offset=0x1000 (local.get 0)) (i32.load8_s offset=0x20000 (local.get 0)) i32.add))",
    r#"(module (import "m" "m" (memory 1)) (data $d "abc") (func (param i32) (result i32) (memory.fill (local.get 0) (i32.const 1) (i32.const 16)) (memory.copy (local.get 0) (i32.const 1) (local.get 0)) (memory.init $d (local.get 0) (i32.const 1) (i32.const 3)) (data.drop $d) (drop (memory.size)) (memory.grow (local.get 0))))"#,
    "(module (memory $a 1) (memory $b 1) (func (memory.copy $a $b (i32.const 0) (i32.const 1) (i32.const 200)) (i32.store $b (i32.const 0) (i32.load $a (i32.const 0)))))",
    "(module (memory i64 1) (memory $b 1) (func (param i64) (result i64) (memory.fill (local.get 0) (i32.const 1) (local.get 0)) (memory.copy 0 $b (local.get 0) (i32.const 0) (i32.const 1)) (drop (memory.size)) (i64.store offset=0xffffffffffff (local.get 0) (i64.load offset=4 (local.get 0))) (i64.store offset=0xffffffffffffffff (local.get 0) (i64.load (local.get 0))) (memory.grow (local.get 0))))",
    "(module (memory 5 (pagesize 1)) (func (param i32) (result i32) (drop (memory.size)) (i32.load offset=2 (local.get 0))))",
    // Numbers.
    "(module (func (param i64 i64) (result i64 i64) (i64.add128 (local.get 0) (local.get 1) (i64.mul_wide_s (local.get 0) (local.get 1))) (i64.mul_wide_u (local.get 0) (local.get 1)) i64.sub128))",
    "(module (func (param i32 i32) (result i32) (i32.div_s (i32.div_u (local.get 0) (local.get 1)) (i32.rem_s (local.get 0) (i32.rem_u (local.get 0) (local.get 1))))))",
    "(module (func (param i64 i64) (result i64) (i64.div_s (i64.div_u (local.get 0) (local.get 1)) (i64.rem_s (local.get 0) (i64.rem_u (local.get 0) (local.get 1))))))",
    "(module (func (param f32 f64) (result i64) (drop (i32.trunc_f32_s (local.get 0))) (drop (i32.trunc_f64_u (local.get 1))) (drop (i64.trunc_f32_u (local.get 0))) (i64.trunc_f64_s (local.get 1))))",
    "(module (func (param f32 f64) (result i64) (drop (i32.trunc_sat_f32_s (local.get 0))) (drop (i32.trunc_sat_f64_u (local.get 1))) (drop (i64.trunc_sat_f32_u (local.get 0))) (i64.trunc_sat_f64_s (local.get 1))))",
    "(module (func (param f32 f64) (result f64) (f64.min (f64.promote_f32 (f32.nearest (f32.ceil (f32.copysign (local.get 0) (f32.sqrt (local.get 0)))))) (f64.max (f64.trunc (f64.floor (local.get 1))) (f64.abs (f64.neg (local.get 1)))))))",
    "(module (func (param i32 i64) (result f64) (drop (f32.convert_i32_s (i32.extend8_s (local.get 0)))) (drop (f32.convert_i64_u (i64.extend32_s (local.get 1)))) (drop (f32.demote_f64 (f64.reinterpret_i64 (i64.extend_i32_u (local.get 0))))) (drop (i32.reinterpret_f32 (f32.const nan:0x200001))) (f64.convert_i64_u (i64.rotl (local.get 1) (i64.popcnt (i64.clz (local.get 1)))))))",
    "(module (func (param i32 i64 f32 f64) (result i32) (i32.and (i32.lt_u (i32.eqz (local.get 0)) (i64.ge_s (local.get 1) (i64.const -1))) (i32.or (f32.le (local.get 2) (f32.const 1)) (f64.ne (local.get 3) (f64.const 2))))))",
    // Vectors.
    "(module (global $g (mut v128) (v128.const i64x2 1 2)) (func (param i32 v128) (result v128) (local v128 v128) (local.set 3 (global.get $g)) (global.set $g (i8x16.add (local.get 2) (local.get 1))) (loop (param) (result v128) (local.set 1 (select (local.get 1) (f32x4.neg (local.get 3)) (local.get 0))) (br_if 0 (local.get 0)) (local.get 1))))",
    "(module (memory i64 1) (memory $b 1 2) (func (param i64 i32 v128) (result v128) (v128.store offset=0xfff0 (local.get 0) (v128.load $b (local.get 1))) (v128.store32_lane $b offset=0x1ffff 1 (local.get 1) (local.get 2)) (v128.load8_lane offset=0xffffffffff 15 (local.get 0) (v128.load32x2_s $b offset=0xffffffff (local.get 1)))))",
];

#[test]
fn everything_translates_under_all_settings() {
    for (name, tunables) in variants() {
        for wat in SNIPPETS {
            let wasm = wat::parse_str(wat).unwrap();
            if let Err(error) = compile(&wasm, &tunables) {
                panic!("{name}: {error:?}\n{wat}");
            }
        }
    }
}

#[test]
fn example_guests_translate_under_all_settings() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/guests");
    let mut guests = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "wasm") {
            guests += 1;
            let wasm = std::fs::read(&path).unwrap();
            for (name, tunables) in variants() {
                if let Err(error) = compile(&wasm, &tunables) {
                    panic!("{name}: {}: {error:?}", path.display());
                }
            }
        }
    }
    assert!(guests >= 5);
}

const LOOP: &str = "(module (func (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))";

#[test]
fn optimisation_keeps_every_epoch_check() {
    let (before, after) = clif(LOOP, &epoch());
    for text in [&before, &after] {
        let loads = text
            .lines()
            .filter(|line| line.contains("load.i64 notrap aligned v"))
            .count();
        assert_eq!(loads, 2, "a look at the alarm was merged: {text}");
        // No context is kept for the cold path.
        assert_eq!(count(text, "call fn0()"), 2, "{text}");
    }
    // The loop contains its check: the last load lies behind the loop's header, which the back edge names.
    let header = after.rfind("load.i64 notrap aligned v").unwrap();
    assert!(after[header..].contains("brif"), "{after}");
}

#[test]
fn optimisation_keeps_every_fuel_check() {
    let (before, after) = clif(LOOP, &fuel());
    for text in [&before, &after] {
        assert_eq!(count(text, "icmp sge"), 2, "{text}");
        // Both cold paths spill and load again; nothing else touches memory.
        assert_eq!(count(text, " notrap v"), 4, "{text}");
        assert_eq!(count(text, "region4"), 1, "only its declaration: {text}");
    }
}

#[test]
fn errors_are_errors() {
    let fails = |wasm: &[u8]| format!("{:#}", compile(wasm, &plain()).unwrap_err());
    let wat = |wat: &str| fails(&wat::parse_str(wat).unwrap());
    assert!(wat("(module (func (result i32)))").contains("type mismatch"));
    assert!(wat("(module (func (drop (v128.const i64x2 0 0)) drop))").contains("type mismatch"));

    let mut table = String::from("(module (func (param i32) (br_table");
    table.push_str(&" 0".repeat(70_000));
    table.push_str(" (local.get 0))))");
    assert!(wat(&table).contains("br_table"));

    // A thousand variables per block, few bytes each.
    let results = format!("(result{})", " i32".repeat(1000));
    let deep = format!(
        "(module (func $f {results} unreachable) (func {results} {} call $f {}))",
        format!("block {results} ").repeat(5_000),
        "end ".repeat(5_000),
    );
    assert!(wat(&deep).contains("limit of this implementation"));

    // Locals whose tables reach over all blocks.
    let many = format!(
        "(module (func (local{}) {} {}))",
        " i32".repeat(40_000),
        "(block (br_if 0 (i32.const 0))) ".repeat(10_000),
        (0..40_000)
            .map(|i| format!("(drop (local.get {i}))"))
            .collect::<String>(),
    );
    assert!(wat(&many).contains("limit of this implementation"));

    // A thousand values per branch, two bytes each.
    let mut wide = String::from("(module (type $t (func (result");
    wide.push_str(&" i32".repeat(1000));
    wide.push_str("))) (func $f (type $t) unreachable) (func (result");
    wide.push_str(&" i32".repeat(1000));
    wide.push_str(") call $f ");
    wide.push_str(&"(br_if 0 (i32.const 0))".repeat(20_000));
    wide.push_str("))");
    assert!(wat(&wide).contains("limit of this implementation"));
}

#[test]
fn the_translator_survives_an_error() {
    let bad = wat::parse_str(
        "(module (func (param i32) (loop (br_if 0 (local.get 0)) (block i32.const 1))))",
    )
    .unwrap();
    let good = wat::parse_str(LOOP).unwrap();
    let isa = isa();
    let mut translator = FuncTranslator::new();
    let tunables = fuel();
    for (wasm, ok) in [(&bad, false), (&good, true), (&bad, false), (&good, true)] {
        let described = describe(wasm, features(), HINTS).unwrap();
        let layout = VmctxLayout::new(&described.module).unwrap();
        let env = TranslateEnv {
            isa: &*isa,
            module: &described.module,
            layout: &layout,
            tunables: &tunables,
        };
        for body in described.bodies {
            let mut ctx = Context::new();
            let mut validator = body.validate.into_validator(Default::default());
            let result = translator.translate(
                &env,
                body.func,
                body.body,
                &body.hints,
                &mut validator,
                &mut ctx.func,
            );
            assert_eq!(result.is_ok(), ok);
        }
    }
}

#[test]
fn deep_nesting_is_iterative() {
    let depth = 100_000;
    let mut wat = String::from("(module (func (param i32) ");
    for _ in 0..depth {
        wat.push_str("block ");
    }
    wat.push_str("local.get 0 br_if 99999 ");
    for _ in 0..depth {
        wat.push_str("end ");
    }
    wat.push_str("))");
    let wasm = wat::parse_str(&wat).unwrap();
    assert!(compile(&wasm, &fuel()).is_ok());
}

#[test]
fn branch_hints_move_the_unlikely_side() {
    let cold = |hint: &str, branch: &str| {
        let wat = format!(
            r#"(module (func (param i32) (block local.get 0 {hint} {branch} (drop (i32.const 1)))))"#
        );
        count(&clif(&wat, &plain()).0, "cold")
    };
    let unlikely = r#"(@metadata.code.branch_hint "\00")"#;
    let likely = r#"(@metadata.code.branch_hint "\01")"#;
    for branch in ["br_if 0", "if nop else nop end", "if nop end"] {
        assert_eq!(cold("", branch), 0, "{branch}");
        assert_eq!(cold(unlikely, branch), 1, "{branch}");
        assert_eq!(cold(likely, branch), 1, "{branch}");
    }
    // What is broken about a hint is no reason to refuse a module.
    let wasm = wat::parse_str(
        r#"(module (@custom "metadata.code.branch_hint" (before code) "\01\00\05\00") (func (param i32) (if (local.get 0) (then))))"#,
    )
    .unwrap();
    assert_eq!(count(&compile(&wasm, &plain()).unwrap()[0].0, "cold"), 0);
}
