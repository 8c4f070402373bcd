//! Fuel is exact when a guest traps: the units used are those of all operators up to the one that trapped and of the functions
//! entered, whatever traps, wherever the count is kept, and whoever compiled and runs it how.

use std::fmt::Write;

use tussah::{
    Config, Engine, Instance, Module, OptLevel, RegallocAlgorithm, Result, Store, Trap, TypedFunc,
};
use tussah_async_tests::executor::trace;
use tussah_async_tests::isolated;

#[path = "endless.rs"]
mod endless;
#[path = "trapping.rs"]
mod trapping;

use endless::Endless;
use trapping::{AROUND, Around, CALLER, Function, Kind};

const PLENTY: u64 = 1 << 40;

/// What it is called and what it does.
type Setting = (&'static str, fn(&mut Config));

/// Settings that decide where the count is, or how a trap comes about.
fn engines() -> Vec<(&'static str, Engine)> {
    let settings: [Setting; 6] = [
        ("speed", |_| {}),
        ("opt level none", |config| {
            config.cranelift_opt_level(OptLevel::None);
        }),
        ("single pass", |config| {
            config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
        }),
        ("no signals", |config| {
            config.signals_based_traps(false);
        }),
        ("no reservation", |config| {
            config.memory_reservation(0).memory_guard_size(0);
        }),
        ("epochs", |config| {
            config.epoch_interruption(true);
        }),
    ];
    let engine = |(name, set): Setting| {
        let mut config = Config::new();
        config.consume_fuel(true);
        set(&mut config);
        (name, Engine::new(&config).expect("an engine"))
    };
    settings.into_iter().map(engine).collect()
}

/// On the thread's stack; on a fiber; giving the thread back each so many units. In this order: once a store may yield it has to be
/// entered on a fiber.
const MODES: [(&str, Option<u64>); 4] = [
    ("sync", None),
    ("on a fiber", None),
    ("yields at 1", Some(1)),
    ("yields at 7", Some(7)),
];

/// What a call used and why it ended.
fn call(
    store: &mut Store<()>,
    func: &TypedFunc<i32, ()>,
    arg: i32,
    fuel: u64,
    (mode, interval): (&str, Option<u64>),
) -> (u64, String) {
    store.set_fuel(fuel).unwrap();
    store.set_epoch_deadline(1_000_000);
    let result: Result<()> = if mode == "sync" {
        func.call(&mut *store, arg)
    } else {
        store.fuel_async_yield_interval(interval).unwrap();
        let (result, trace) = trace(func.call_async(&mut *store, arg));
        match interval {
            Some(1) => assert!(trace.pendings > 0 || fuel < PLENTY, "{mode}"),
            // Straight code may be over before seven units are.
            Some(_) => {}
            None => assert_eq!(trace.pendings, 0, "{mode}"),
        }
        result
    };
    let used = fuel - store.get_fuel().unwrap();
    let end = match result {
        Ok(()) => "no trap".into(),
        Err(error) => error
            .downcast_ref::<Trap>()
            .map_or_else(|| error.to_string(), |trap| format!("{trap:?}")),
    };
    (used, end)
}

/// Runs each kind with everything around it, straight and in a loop, by all engines; how many calls were made.
fn check(kinds: &[Kind]) -> usize {
    let mut seen = 0;
    let mut wrong = String::new();
    let engines = engines();
    for kind in kinds {
        let mut functions = Vec::new();
        for around in AROUND {
            for looped in [false, true] {
                // What always traps cannot be in the way of a loop.
                if kind.good.is_some() || around.cold() || !looped {
                    let name = format!("{around:?}-{looped}");
                    functions.push((name, Function::new(kind, around, looped)));
                }
            }
        }
        let code: String = functions.iter().map(|(name, f)| f.wat(name)).collect();
        let wat = trapping::module(&code);
        for (settings, engine) in &engines {
            let module = Module::new(engine, &wat).unwrap_or_else(|e| panic!("{e:?}\nin:\n{wat}"));
            let mut store = Store::new(engine, ());
            store.set_fuel(PLENTY).unwrap();
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            for mode in MODES {
                for (name, function) in &functions {
                    let expected = (function.used() + CALLER, format!("{:?}", kind.trap));
                    let func = instance.get_typed_func(&mut store, name).unwrap();
                    let turns = i32::try_from(function.turns()).unwrap();
                    let actual = call(&mut store, &func, turns, PLENTY, mode);
                    seen += 1;
                    if actual != expected {
                        let code = kind.code;
                        writeln!(
                            wrong,
                            "{code}, {name}, {settings}, {mode:?}: {actual:?}, not {expected:?}"
                        )
                        .unwrap();
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {seen}:\n{wrong}",
        wrong.lines().count()
    );
    seen
}

/// `bad | good | code` on each line.
fn kinds(trap: Trap, lines: &'static str) -> Vec<Kind> {
    let kind = |line: &'static str| {
        let parts: Vec<_> = line.split('|').map(str::trim).collect();
        let [bad, good, code] = parts[..] else {
            panic!("not a kind: {line}")
        };
        Kind {
            trap,
            bad,
            good: Some(good).filter(|good| !good.is_empty()),
            code,
        }
    };
    lines
        .lines()
        .filter(|l| !l.trim().is_empty())
        .map(kind)
        .collect()
}

isolated! {
    120 => fn row04_stack_overflows() {
        let mut wrong = String::new();
        let mut seen = 0;
        for Endless { name, wat, f, g } in endless::all() {
            // Those whose `$f` is only a way in use two more.
            let way_in = if wat.contains("$fs") { 2 + wat.matches("i64.const 7").count() as u64 } else { 0 };
            let wat = format!(
                r#"(module (memory 1)
                (global $d (export "d") (mut i32) (i32.const 0)) (global $e (export "e") (mut i32) (i32.const 0))
                {wat} (func (export "run") (param i32) local.get 0 drop call $f))"#
            );
            for (settings, engine) in engines() {
                let module = Module::new(&engine, &wat).unwrap_or_else(|e| panic!("{e:?}\nin:\n{wat}"));
                let mut store = Store::new(&engine, ());
                store.set_fuel(PLENTY).unwrap();
                let instance = Instance::new(&mut store, &module, &[]).unwrap();
                let func = instance.get_typed_func(&mut store, "run").unwrap();
                for mode in MODES {
                    let actual = call(&mut store, &func, 0, PLENTY, mode);
                    seen += 1;
                    let mut depth = |name: &str| {
                        let global = instance.get_global(&mut store, name).unwrap();
                        let depth = global.get(&mut store).unwrap_i32();
                        global.set(&mut store, tussah::Val::I32(0)).unwrap();
                        u64::try_from(depth).unwrap()
                    };
                    let (d, e) = (depth("d"), depth("e"));
                    assert!(d > 100, "{name}: only {d} deep");
                    let expected = (CALLER + way_in + d * f + e * g, format!("{:?}", Trap::StackOverflow));
                    if actual != expected {
                        writeln!(wrong, "{name}, {settings}, {mode:?}, {d} and {e} deep: {actual:?}, not {expected:?}").unwrap();
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{} of {seen}:\n{wrong}", wrong.lines().count());
        assert_eq!(seen, 11 * 24);
    }

    120 => fn row04_traps_of_loads() {
        let seen = check(&kinds(Trap::MemoryOutOfBounds, "
            i32.const -8    | i32.const 8 | X; i32.load !; drop
            i32.const -8    | i32.const 8 | X; i64.load !; local.set $w
            i32.const 65536 | i32.const 8 | X; f32.load !; drop
            i32.const -8    | i32.const 8 | X; f64.load !; local.set $x
            i32.const 65536 | i32.const 8 | X; i32.load8_u !; drop
            i32.const -8    | i32.const 8 | X; i32.load8_s !; local.set $a
            i32.const -8    | i32.const 8 | X; i32.load16_u !; local.set $a
            i32.const 65536 | i32.const 8 | X; i64.load16_s !; local.set $w
            i32.const 65536 | i32.const 8 | X; i64.load32_u offset=60000 !; drop
            i32.const 8     |             | X; i32.load offset=0xffffffff !; drop
            i32.const -8    |             | X; i32.load offset=4 !; local.set $a
        "));
        assert_eq!(seen, (9 * 12 + 2 * 9) * 24);
    }

    120 => fn row04_traps_of_loads_that_are_part_of_what_uses_them() {
        let seen = check(&kinds(Trap::MemoryOutOfBounds, "
            i32.const -8 | i32.const 8 | local.get $a; X; i32.load !; i32.add; local.set $a
            i32.const -8 | i32.const 8 | X; i32.load !; local.get $a; i32.const 3; i32.shl; i32.sub; local.set $a
            i32.const -8 | i32.const 8 | local.get $w; X; i64.load !; i64.add; local.set $w
            i32.const -8 | i32.const 8 | local.get $x; X; f64.load !; f64.mul; local.set $x
            i32.const -8 | i32.const 8 | X; i32.load !; local.get $a; i32.lt_u; local.set $a
            i32.const -8 | i32.const 8 | X; i32.load !; i32.load offset=16; local.set $a
            i32.const 64 | i32.const 8 | X; i32.load; i32.load !; local.set $a
            i32.const 64 | i32.const 8 | local.get $a; X; i32.load; i32.load !; i32.add; local.set $a
            i32.const -8 | i32.const 8 | i32.const 16; i32.load; X; i32.load !; i32.add; local.set $a
            i32.const -8 | i32.const 8 | X; i32.load !; i32.const 16; i32.load; i32.add; local.set $a
            i32.const -8 | i32.const 8 | i32.const 24; X; i64.load !; i64.const 1; i64.add; i64.store
            i32.const -8 | i32.const 8 | X; f64.load !; i32.const 16; f64.load; f64.add; local.set $x
        "));
        assert_eq!(seen, 12 * 12 * 24);
    }

    120 => fn row04_traps_of_stores() {
        let seen = check(&kinds(Trap::MemoryOutOfBounds, "
            i32.const -8    | i32.const 8 | X; local.get $a; i32.store !
            i32.const -8    | i32.const 8 | X; local.get $w; i64.store !
            i32.const -8    | i32.const 8 | X; f32.const 1; f32.store !
            i32.const 65536 | i32.const 8 | X; local.get $x; f64.store !
            i32.const -8    | i32.const 8 | X; local.get $a; i32.store8 !
            i32.const 65536 | i32.const 8 | X; local.get $a; i32.store16 !
            i32.const -8    | i32.const 8 | X; local.get $w; i64.store32 !
            i32.const -8    | i32.const 8 | X; i32.const 16; i32.load; i32.store !
            i32.const -8    | i32.const 8 | X; i32.const 16; i32.load; local.get $a; i32.add; i32.store8 !
        "));
        assert_eq!(seen, 9 * 12 * 24);
    }

    120 => fn row04_traps_of_tables_and_indirect_calls() {
        let mut seen = check(&kinds(Trap::TableOutOfBounds, "
            i32.const 8   | i32.const 7 | X; table.get $t !; drop
            i32.const 8   | i32.const 7 | X; table.get $grows !; ref.is_null; local.set $a
            i32.const -1  | i32.const 7 | X; ref.null func; table.set $t !
            i32.const 8   | i32.const 7 | X; ref.func $good; table.set $grows !
            i32.const 8   | i32.const 0 | X; call_indirect $t (type $void) !0/1
        "));
        seen += check(&kinds(Trap::IndirectCallToNull, "
            i32.const 2   | i32.const 0 | X; call_indirect $t (type $void) !0/1
        "));
        seen += check(&kinds(Trap::BadSignature, "
            i32.const 1   | i32.const 0 | X; call_indirect $t (type $void) !0/1
        "));
        // The callee's entry, and its one operator.
        seen += check(&kinds(Trap::BadSignature, "
            i32.const 0   | i32.const 1 | local.get $w; X; call_indirect $t (type $other) !0/2; local.set $w
        "));
        assert_eq!(seen, 8 * 12 * 24);
    }

    120 => fn row04_traps_of_arithmetic() {
        let mut seen = check(&kinds(Trap::IntegerDivisionByZero, "
            i32.const 0 | i32.const 3 | local.get $a; X; i32.div_s !; local.set $a
            i32.const 0 | i32.const 3 | local.get $a; X; i32.rem_u !; drop
            i64.const 0 | i64.const 3 | local.get $w; X; i64.div_u !; local.set $w
            i64.const 0 | i64.const 3 | local.get $w; X; i64.rem_s !; local.set $w
        "));
        seen += check(&kinds(Trap::IntegerOverflow, "
            i32.const -1 | i32.const 1 | i32.const 0x80000000; X; i32.div_s !; local.set $a
            i64.const -1 | i64.const 1 | i64.const 0x8000000000000000; X; i64.div_s !; drop
            f64.const 1e20 | f64.const 1 | X; i32.trunc_f64_s !; local.set $a
            f32.const -1   | f32.const 1 | X; i64.trunc_f32_u !; local.set $w
        "));
        seen += check(&kinds(Trap::BadConversionToInteger, "
            f64.const nan | f64.const 1 | X; i64.trunc_f64_s !; local.set $w
            f32.const nan | f32.const 1 | X; i32.trunc_f32_u !; drop
        "));
        seen += check(&kinds(Trap::UnreachableCodeReached, "
            i32.const 1 | i32.const 0 | X; if; nop; unreachable !; end
        "));
        assert_eq!(seen, 11 * 12 * 24);
    }

    120 => fn row04_traps_of_bulk_operations() {
        let mut seen = check(&kinds(Trap::MemoryOutOfBounds, "
            i32.const -8    | i32.const 8 | X; i32.const 1; i32.const 8; memory.fill !8/8
            i32.const 65000 | i32.const 8 | X; i32.const 1; i32.const 1000; memory.fill !1000/1000
            i32.const 99000 | i32.const 8 | i32.const 8; i32.const 1; X; memory.fill !99000/8
            i32.const -8    | i32.const 8 | X; i32.const 64; i32.const 8; memory.copy !8/8
            i32.const -8    | i32.const 8 | i32.const 64; X; i32.const 129; memory.copy !129/129
            i32.const 99000 | i32.const 8 | i32.const 8; i32.const 16; X; memory.copy !99000/8
            i32.const -8    | i32.const 8 | X; i32.const 0; i32.const 8; memory.init $d !8/8
            i32.const 17    | i32.const 8 | i32.const 128; i32.const 0; X; memory.init $d !17/8
        "));
        seen += check(&kinds(Trap::TableOutOfBounds, "
            i32.const 8     | i32.const 4 | X; ref.null func; i32.const 2; table.fill $grows !2/2
            i32.const 99000 | i32.const 2 | i32.const 4; ref.null func; X; table.fill $grows !99000/2
            i32.const -8    | i32.const 4 | X; i32.const 0; i32.const 2; table.copy $t $t !2/2
            i32.const 5     | i32.const 2 | i32.const 4; i32.const 0; X; table.init $t $e !5/2
        "));
        assert_eq!(seen, 12 * 12 * 24);
    }

    120 => fn row04_traps_where_fuel_just_suffices() {
        // What needs no look at the fuel traps without any left, too. A bulk operation that is looked at has to leave a unit, or
        // the want of fuel is what ends the guest.
        let trap = Trap::MemoryOutOfBounds;
        let unseen = kinds(trap, "
            i32.const -8    | i32.const 8 | X; i32.load !; drop
            i32.const -8    | i32.const 8 | X; i32.const 1; i32.const 8; memory.fill !8/8
        ");
        let seen = kinds(trap, "
            i32.const 65000 | i32.const 8 | X; i32.const 1; i32.const 1000; memory.fill !1000/1000
            i32.const 99000 | i32.const 8 | i32.const 8; i32.const 64; X; memory.copy !99000/8
        ");
        let all = unseen.into_iter().map(|k| (k, false)).chain(seen.into_iter().map(|k| (k, true)));
        for (kind, looks) in all {
            let function = Function::new(&kind, Around::Nothing, false);
            let wat = trapping::module(&function.wat("f"));
            let used = function.used() + CALLER;
            for (settings, engine) in engines() {
                let module = Module::new(&engine, &wat).unwrap();
                let mut store = Store::new(&engine, ());
                store.set_fuel(PLENTY).unwrap();
                let instance = Instance::new(&mut store, &module, &[]).unwrap();
                let func = instance.get_typed_func(&mut store, "f").unwrap();
                for mode in MODES {
                    for fuel in [used - 1, used, used + 1] {
                        let end = if looks && fuel <= used { Trap::OutOfFuel } else { trap };
                        let actual = call(&mut store, &func, 0, fuel, mode);
                        let expected = (used.min(fuel), format!("{end:?}"));
                        assert_eq!(actual, expected, "{}, {fuel} of {used}, {settings}, {mode:?}", kind.code);
                    }
                }
            }
        }
    }
}
