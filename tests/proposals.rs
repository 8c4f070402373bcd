//! Proposals that are small enough to be looked at one by one; the official suite goes through all of their corners.

use tussah::{Config, Engine, Instance, Memory, MemoryTypeBuilder, Module, Store, Trap};

fn run<P: tussah::WasmParams, R: tussah::WasmResults>(config: &Config, wat: &str, params: P) -> R {
    let engine = Engine::new(config).unwrap();
    let module = Module::new(&engine, wat).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let func = instance.get_typed_func(&mut store, "f").unwrap();
    func.call(&mut store, params).unwrap()
}

fn samples() -> impl Iterator<Item = u64> + Clone {
    let edges = [0, 1, 2, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let random = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    edges.into_iter().chain(random.take(20))
}

#[test]
fn wide_arithmetic() {
    let mut config = Config::new();
    config.wasm_wide_arithmetic(true);
    let engine = Engine::new(&config).unwrap();
    let wat = r#"(module
        (func (export "add") (param i64 i64 i64 i64) (result i64 i64)
            (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
        (func (export "sub") (param i64 i64 i64 i64) (result i64 i64)
            (i64.sub128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
        (func (export "mul_s") (param i64 i64 i64 i64) (result i64 i64)
            (i64.mul_wide_s (local.get 0) (local.get 2)))
        (func (export "mul_u") (param i64 i64 i64 i64) (result i64 i64)
            (i64.mul_wide_u (local.get 0) (local.get 2))))"#;
    let module = Module::new(&engine, wat).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let wide = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
    let signed = |x: u64| i128::from(x.cast_signed());
    type Model<'a> = &'a dyn Fn(u128, u128) -> u128;
    let model: [(&str, Model<'_>); 4] = [
        ("add", &|a, b| a.wrapping_add(b)),
        ("sub", &|a, b| a.wrapping_sub(b)),
        ("mul_s", &|a, b| {
            (signed(low(a)) * signed(low(b))).cast_unsigned()
        }),
        ("mul_u", &|a, b| u128::from(low(a)) * u128::from(low(b))),
    ];
    for (name, model) in model {
        let func = instance
            .get_typed_func::<(u64, u64, u64, u64), (u64, u64)>(&mut store, name)
            .unwrap();
        for a in samples() {
            for b in samples() {
                let (x, y) = (wide(a, b.rotate_left(7)), wide(b, a.rotate_left(9)));
                let args = (low(x), low(x >> 64), low(y), low(y >> 64));
                let (low, high) = func.call(&mut store, args).unwrap();
                assert_eq!(wide(low, high), model(x, y), "{name} {x:#x} {y:#x}");
            }
        }
    }
}

fn low(x: u128) -> u64 {
    u64::try_from(x & u128::from(u64::MAX)).unwrap()
}

#[test]
fn branch_hints_change_no_result() {
    let mut config = Config::new();
    config.wasm_branch_hinting(true);
    for hint in [
        "",
        r#"(@metadata.code.branch_hint "\00")"#,
        r#"(@metadata.code.branch_hint "\01")"#,
    ] {
        let wat = format!(
            r#"(module (func (export "f") (param i32) (result i32)
                (block local.get 0 {hint} br_if 0 (return (i32.const 1)))
                local.get 0 i32.const 5 i32.gt_u {hint} if (result i32) i32.const 2 else i32.const 3 end))"#
        );
        for (arg, expected) in [(0, 1), (4, 3), (6, 2)] {
            assert_eq!(run::<i32, i32>(&config, &wat, arg), expected);
        }
    }
}

#[test]
fn pages_of_one_byte_are_bounded_to_the_byte() {
    for (signals, reservation) in [
        (true, None),
        (true, Some(0)),
        (false, None),
        (false, Some(0)),
    ] {
        let mut config = Config::new();
        config
            .wasm_custom_page_sizes(true)
            .signals_based_traps(signals);
        if let Some(reservation) = reservation {
            config.memory_reservation(reservation);
        }
        let engine = Engine::new(&config).unwrap();
        let wat = r#"(module (memory (export "m") 10 (pagesize 1))
            (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
            (func (export "byte") (param i32) (result i32) (i32.load8_u offset=3 (local.get 0)))
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
            (func (export "size") (result i32) (memory.size)))"#;
        let module = Module::new(&engine, wat).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let mut func = |name: &str| {
            instance
                .get_typed_func::<i32, i32>(&mut store, name)
                .unwrap()
        };
        let (load, byte, grow) = (func("load"), func("byte"), func("grow"));
        let size = instance
            .get_typed_func::<(), i32>(&mut store, "size")
            .unwrap();
        let trapped = |result: tussah::Result<i32>| {
            result.unwrap_err().downcast::<Trap>().unwrap() == Trap::MemoryOutOfBounds
        };
        assert_eq!(load.call(&mut store, 6).unwrap(), 0);
        assert!(trapped(load.call(&mut store, 7)));
        assert_eq!(byte.call(&mut store, 6).unwrap(), 0);
        assert!(trapped(byte.call(&mut store, 7)));
        assert!(trapped(byte.call(&mut store, -3)));
        assert_eq!(grow.call(&mut store, 1).unwrap(), 10);
        assert_eq!(size.call(&mut store, ()).unwrap(), 11);
        assert_eq!(load.call(&mut store, 7).unwrap(), 0);
        assert!(trapped(load.call(&mut store, 8)));
        assert_eq!(grow.call(&mut store, 65536).unwrap(), 11);
        assert_eq!(load.call(&mut store, 65536).unwrap(), 0);
        // 2^32 bytes cannot be told in 32 bits.
        assert_eq!(grow.call(&mut store, -65547).unwrap(), -1);
    }
}

#[test]
fn wide_memories_are_bounded_over_all_64_bits() {
    for signals in [true, false] {
        for reservation in [None, Some(0), Some(1 << 16)] {
            let mut config = Config::new();
            config.signals_based_traps(signals);
            if let Some(reservation) = reservation {
                config.memory_reservation(reservation);
            }
            let engine = Engine::new(&config).unwrap();
            for limits in ["1 1", "1", "1 3"] {
                let wat = format!(
                    r#"(module (memory i64 {limits})
                    (func (export "near") (param i64) (result i32) (i32.load offset=4 (local.get 0)))
                    (func (export "far") (param i64) (result i32) (i32.load offset=0xffffffffffff0000 (local.get 0)))
                    (func (export "fill") (param i64) (result i32) (memory.fill (local.get 0) (i32.const 1) (i64.const 4)) (i32.const 0)))"#
                );
                let module = Module::new(&engine, &wat).unwrap();
                let mut store = Store::new(&engine, ());
                let instance = Instance::new(&mut store, &module, &[]).unwrap();
                let mut func = |name: &str| {
                    instance
                        .get_typed_func::<i64, i32>(&mut store, name)
                        .unwrap()
                };
                let (near, distant, fill) = (func("near"), func("far"), func("fill"));
                assert_eq!(near.call(&mut store, 65528).unwrap(), 0, "{limits}");
                let bad = [
                    65529,
                    65536,
                    1 << 32,
                    (1 << 32) + 65528,
                    i64::MIN,
                    -1,
                    -4,
                    -8,
                    i64::MAX,
                ];
                for index in bad {
                    let trap = near.call(&mut store, index).unwrap_err();
                    assert_eq!(trap.downcast::<Trap>().unwrap(), Trap::MemoryOutOfBounds);
                    let trap = fill.call(&mut store, index);
                    // The last good index of a fill is four bytes higher.
                    assert_eq!(trap.is_ok(), index == 65529, "{limits} {index}");
                }
                for index in [0, 0xfffc, 0x1_0000, 0x2_0000, -1] {
                    let trap = distant.call(&mut store, index).unwrap_err();
                    assert_eq!(trap.downcast::<Trap>().unwrap(), Trap::MemoryOutOfBounds);
                }
            }
        }
    }
}

/// A growth by a constant is no place to look at the fuel, and which values are constants depends on what can be reached:
/// code behind an access that traps whatever its index is, unless the offset has more than 32 bits.
#[test]
fn fuel_is_looked_at_behind_offsets_beyond_32_bits() {
    let mut config = Config::new();
    config.consume_fuel(true);
    let engine = Engine::new(&config).unwrap();
    let grow = |offset: &str| {
        let wat = format!(
            "(module (memory i64 1 2) (func (export \"f\") (param i64) (result i64) (local i64)
                (block $after (block $skip (br_if $skip (i64.eqz (local.get 0)))
                    (local.set 1 (i64.load offset={offset} (local.get 0))) (br $after))
                    (local.set 1 (i64.const 0)))
                (memory.grow (local.get 1))))"
        );
        let module = Module::new(&engine, wat).unwrap();
        let mut store = Store::new(&engine, ());
        store.set_fuel(100).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let func = instance
            .get_typed_func::<u64, u64>(&mut store, "f")
            .unwrap();
        let trap = |store: &mut _, param| func.call(store, param).unwrap_err().downcast::<Trap>();
        assert_eq!(trap(&mut store, 1).unwrap(), Trap::MemoryOutOfBounds);
        store.set_fuel(2).unwrap();
        func.call(&mut store, 0)
            .map_err(|error| error.downcast::<Trap>().unwrap())
    };
    assert_eq!(grow("0xffff_ffff"), Ok(1));
    assert_eq!(grow("0x1_0000_0000"), Err(Trap::OutOfFuel));
    assert_eq!(grow("0xffff_ffff_ffff_fffe"), Err(Trap::OutOfFuel));
}

#[test]
fn absurd_sizes_are_errors() {
    let mut config = Config::new();
    config.wasm_custom_page_sizes(true);
    let engine = Engine::new(&config).unwrap();
    for wat in [
        "(module (memory i64 0x1000000000000))",
        "(module (memory i64 0xffffffffff))",
        "(module (memory i64 0xffffffffffffffff (pagesize 1)))",
        "(module (table i64 0xffffffffffffffff funcref))",
        "(module (table i64 0x1000000000000000 funcref))",
    ] {
        let module = Module::new(&engine, wat).unwrap();
        let mut store = Store::new(&engine, ());
        let error = Instance::new(&mut store, &module, &[]).unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains("exceeds memory limits")
                || text.contains("exceeds table limits")
                || text.contains("cannot allocate"),
            "{wat}: {text}"
        );
    }
    let mut store = Store::new(&engine, ());
    let ty = MemoryTypeBuilder::default()
        .page_size_log2(0)
        .min(5)
        .build()
        .unwrap();
    let memory = Memory::new(&mut store, ty).unwrap();
    assert_eq!((memory.data_size(&store), memory.page_size(&store)), (5, 1));
    assert_eq!(memory.grow(&mut store, 2).unwrap(), 5);
    assert_eq!(memory.data(&store).len(), 7);
}
