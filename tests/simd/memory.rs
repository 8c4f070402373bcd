//! Loads and stores: what they move, which of them trap, and what has been counted where they do.

use tussah::{Config, Engine, Instance, Memory, Module, Store, Trap, Val};

use crate::model::{Lane, Rng, V, from_val, lanes, map, vector};
use crate::values::engine;

const PAGE: u32 = 65536;

/// An operator on memory: bytes, whether a lane is named, and what it does with the bytes it reads.
struct Access {
    name: &'static str,
    size: u32,
    kind: Kind,
}

#[derive(Copy, Clone)]
enum Kind {
    /// The vector of what was read, in the lowest bytes.
    Load(fn(V) -> V),
    LoadLane,
    Store,
    StoreLane,
}

/// Every operator of this file, for the count of those that are tested.
pub(crate) const OPERATORS: [&str; 22] = [
    "v128.load",
    "v128.load8x8_s",
    "v128.load8x8_u",
    "v128.load16x4_s",
    "v128.load16x4_u",
    "v128.load32x2_s",
    "v128.load32x2_u",
    "v128.load8_splat",
    "v128.load16_splat",
    "v128.load32_splat",
    "v128.load64_splat",
    "v128.load32_zero",
    "v128.load64_zero",
    "v128.store",
    "v128.load8_lane",
    "v128.load16_lane",
    "v128.load32_lane",
    "v128.load64_lane",
    "v128.store8_lane",
    "v128.store16_lane",
    "v128.store32_lane",
    "v128.store64_lane",
];

fn splat<T: Lane>(read: V) -> V {
    vector(vec![lanes::<T>(read)[0]; 16 / T::BYTES])
}

fn widen<T: Lane, R: Lane + From<T>>(read: V) -> V {
    vector(lanes::<T>(read).into_iter().map(R::from))
}

/// Size and kind of an operator, by its name.
fn access(name: &'static str) -> Access {
    let (size, kind) = match name {
        "v128.load" => (16, Kind::Load(|read| read)),
        "v128.load8x8_s" => (8, Kind::Load(widen::<i8, i16>)),
        "v128.load8x8_u" => (8, Kind::Load(widen::<u8, u16>)),
        "v128.load16x4_s" => (8, Kind::Load(widen::<i16, i32>)),
        "v128.load16x4_u" => (8, Kind::Load(widen::<u16, u32>)),
        "v128.load32x2_s" => (8, Kind::Load(widen::<i32, i64>)),
        "v128.load32x2_u" => (8, Kind::Load(widen::<u32, u64>)),
        "v128.load8_splat" => (1, Kind::Load(splat::<u8>)),
        "v128.load16_splat" => (2, Kind::Load(splat::<u16>)),
        "v128.load32_splat" => (4, Kind::Load(splat::<u32>)),
        "v128.load64_splat" => (8, Kind::Load(splat::<u64>)),
        "v128.load32_zero" => (4, Kind::Load(|read| read)),
        "v128.load64_zero" => (8, Kind::Load(|read| read)),
        "v128.store" => (16, Kind::Store),
        "v128.load8_lane" => (1, Kind::LoadLane),
        "v128.load16_lane" => (2, Kind::LoadLane),
        "v128.load32_lane" => (4, Kind::LoadLane),
        "v128.load64_lane" => (8, Kind::LoadLane),
        "v128.store8_lane" => (1, Kind::StoreLane),
        "v128.store16_lane" => (2, Kind::StoreLane),
        "v128.store32_lane" => (4, Kind::StoreLane),
        "v128.store64_lane" => (8, Kind::StoreLane),
        _ => panic!("{name} is no operator on memory"),
    };
    Access { name, size, kind }
}

impl Access {
    /// A function that makes the access, and how many operators it has up to the access.
    fn function(&self, memory: u32, offset: u32, lane: u32) -> (String, u64) {
        let index = ["i32", "i64"][memory as usize];
        let result = match self.kind {
            Kind::Load(_) | Kind::LoadLane => "(result v128)",
            Kind::Store | Kind::StoreLane => "",
        };
        let (params, operands, count) = match self.kind {
            Kind::Load(_) => ("", "(local.get 0)", 2),
            _ => ("v128", "(local.get 0) (local.get 1)", 3),
        };
        let immediate = match self.kind {
            Kind::LoadLane | Kind::StoreLane => format!(" {lane}"),
            Kind::Load(_) | Kind::Store => String::new(),
        };
        let name = self.name;
        let text = format!(
            "(func (export \"{name} {memory} {offset}\") (param {index} {params}) {result} \
             ({name} {memory} offset={offset} align=1{immediate} {operands}))\n"
        );
        (text, count)
    }
}

/// Offsets in the operator: none, some, one that reaches the end of the memory, and one that reaches nothing.
const OFFSETS: [u32; 5] = [0, 5, PAGE - 16, PAGE - 1, u32::MAX - 7];

struct Guest {
    store: Store<()>,
    instance: Instance,
    memories: [Memory; 2],
    fuel: bool,
}

impl Guest {
    fn new(engine: &Engine, text: &str) -> Guest {
        let module = Module::new(engine, text).unwrap_or_else(|e| panic!("{e:?}\nin {text}"));
        let mut store = Store::new(engine, ());
        let fuel = engine.get_consume_fuel();
        if fuel {
            store
                .set_fuel(u64::from(u32::MAX))
                .expect("fuel is counted");
        }
        let instance = Instance::new(&mut store, &module, &[]).expect("instantiates");
        let memories =
            ["m0", "m1"].map(|name| instance.get_memory(&mut store, name).expect("is exported"));
        Guest {
            store,
            instance,
            memories,
            fuel,
        }
    }

    /// The result, if any, or the trap; and the fuel it took.
    fn call(&mut self, name: &str, args: &[Val]) -> (Result<Option<V>, Trap>, u64) {
        let f = self
            .instance
            .get_func(&mut self.store, name)
            .expect("is exported");
        let mut results = vec![Val::I32(0); f.ty(&self.store).results().len()];
        let before = if self.fuel {
            self.store.get_fuel().expect("is counted")
        } else {
            0
        };
        let outcome = f.call(&mut self.store, args, &mut results);
        let after = if self.fuel {
            self.store.get_fuel().expect("is counted")
        } else {
            0
        };
        let outcome = match outcome {
            Ok(()) => Ok(results.first().map(from_val)),
            Err(error) => Err(*error
                .downcast_ref::<Trap>()
                .expect("traps are the only errors")),
        };
        (outcome, before - after)
    }
}

fn check(engine: &Engine, seed: u64) {
    let mut rng = Rng(seed);
    let accesses: Vec<Access> = OPERATORS.map(access).into();
    let mut text =
        String::from("(module (memory (export \"m0\") 1) (memory (export \"m1\") i64 1 1)\n");
    let mut functions = Vec::new();
    for access in &accesses {
        for memory in [0, 1] {
            for offset in OFFSETS {
                let lane = rng.below(16 / access.size);
                let (function, operators) = access.function(memory, offset, lane);
                text += &function;
                functions.push((access, memory, offset, lane, operators));
            }
        }
    }
    text.push(')');
    let mut guest = Guest::new(engine, &text);
    for memory in guest.memories {
        let bytes: Vec<u8> = (0..PAGE / 8)
            .flat_map(|_| rng.number().to_le_bytes())
            .collect();
        memory
            .write(&mut guest.store, 0, &bytes)
            .expect("in bounds");
    }
    let (mut trapped, mut made) = (0, 0);
    for (access, memory, offset, lane, operators) in functions {
        let end = i64::from(PAGE) - i64::from(offset) - i64::from(access.size);
        let near = [-1, 0, 1, 15].map(|more| (end + more).cast_unsigned());
        let far = [
            u64::from(u32::MAX),
            1 << 32,
            u64::MAX,
            u64::MAX - u64::from(offset),
        ];
        let inside = [0, u64::from(rng.below(PAGE))];
        for index in near.into_iter().chain(far).chain(inside) {
            let args = match memory {
                0 => u32::try_from(index).map(|index| Val::I32(index.cast_signed())),
                _ => Ok(Val::I64(index.cast_signed())),
            };
            let Ok(index_value) = args else {
                // No index of 32 bits.
                continue;
            };
            let last = u128::from(index) + u128::from(offset) + u128::from(access.size);
            let fits = last <= u128::from(PAGE);
            let name = format!("{} {memory} {offset}", access.name);
            let operand = rng.vector();
            let mut args = vec![index_value];
            if !matches!(access.kind, Kind::Load(_)) {
                args.push(Val::V128(u128::from_le_bytes(operand).into()));
            }
            let memory = guest.memories[memory as usize];
            let before = memory.data(&guest.store).to_vec();
            let (outcome, fuel) = guest.call(&name, &args);
            if guest.fuel {
                // One for the function, and those up to the access, which is the last.
                assert_eq!(fuel, 1 + operators, "{name} at {index}");
            }
            let mut after = before.clone();
            let expected = if fits {
                let place = usize::try_from(index).expect("in the page") + offset as usize;
                made += 1;
                Ok(expected(access, &mut after[place..], lane, operand))
            } else {
                trapped += 1;
                Err(Trap::MemoryOutOfBounds)
            };
            assert_eq!(outcome, expected, "{name} at {index}");
            assert!(
                memory.data(&guest.store) == after,
                "{name} at {index}: the memory differs"
            );
        }
    }
    assert!(
        trapped > 400 && made > 400,
        "{trapped} trapped, {made} did not"
    );
}

/// What an access that is in bounds does to memory, and its result.
fn expected(access: &Access, memory: &mut [u8], lane: u32, operand: V) -> Option<V> {
    let size = access.size as usize;
    let at = lane as usize * size;
    match access.kind {
        Kind::Load(model) => {
            let mut read = [0; 16];
            read[..size].copy_from_slice(&memory[..size]);
            Some(model(read))
        }
        Kind::LoadLane => {
            let mut result = operand;
            result[at..at + size].copy_from_slice(&memory[..size]);
            Some(result)
        }
        Kind::Store => {
            memory[..16].copy_from_slice(&operand);
            None
        }
        Kind::StoreLane => {
            memory[..size].copy_from_slice(&operand[at..at + size]);
            None
        }
    }
}

/// Without room behind a memory each access is compared with its length.
fn checked(c: &mut Config) {
    c.memory_reservation(0).memory_guard_size(0);
}

#[test]
fn behind_guards() {
    check(&engine(|_| ()), 21);
    check(&engine(|c| _ = c.consume_fuel(true)), 22);
}

#[test]
fn compared_with_the_length() {
    check(&engine(checked), 23);
    check(
        &engine(|c| {
            checked(c);
            c.consume_fuel(true);
        }),
        24,
    );
}

#[test]
fn without_signals() {
    check(&engine(|c| _ = c.signals_based_traps(false)), 25);
    check(
        &engine(|c| _ = c.signals_based_traps(false).consume_fuel(true)),
        26,
    );
}

/// Loads become part of the instructions that use them; the count at the fault stays that of the load.
#[test]
fn fuel_is_exact_where_loads_are_folded() {
    let text = r#"(module (memory (export "m0") 1) (memory (export "m1") 1)
        (func (export "two") (param i32 i32) (result v128)
            (i32x4.add (v128.load (local.get 0)) (v128.load (local.get 1))))
        (func (export "late") (param i32 i32) (result v128) (local v128 v128)
            (local.set 2 (v128.load (local.get 0)))
            (local.set 3 (v128.load (local.get 1)))
            (f32x4.mul (local.get 2) (v128.xor (local.get 3) (v128.const i64x2 1 2))))
        (func (export "lane") (param i32 i32) (result v128)
            (v128.load32_lane 2 (local.get 0) (v128.load64_splat (local.get 1))))
        (func (export "convert") (param i32 i32) (result v128)
            (f64x2.add
                (f64x2.convert_low_i32x4_s (v128.load64_zero (local.get 0)))
                (f64x2.promote_low_f32x4 (v128.load (local.get 1))))))"#;
    const BAD: i32 = -1;
    for adjust in [(|_| ()) as fn(&mut Config), checked] {
        let mut guest = Guest::new(
            &engine(|c| {
                adjust(c);
                c.consume_fuel(true);
            }),
            text,
        );
        let cases = [
            ("two", BAD, 0, 3),
            ("two", 0, BAD, 5),
            ("two", BAD, BAD, 3),
            ("late", BAD, 0, 3),
            ("late", 0, BAD, 6),
            // The operand is loaded before the lane.
            ("lane", 0, BAD, 4),
            ("lane", BAD, 0, 5),
            ("convert", BAD, 0, 3),
            ("convert", 0, BAD, 6),
        ];
        for (name, a, b, expected) in cases {
            let (outcome, fuel) = guest.call(name, &[Val::I32(a), Val::I32(b)]);
            assert_eq!(outcome, Err(Trap::MemoryOutOfBounds), "{name} {a} {b}");
            assert_eq!(fuel, expected, "{name} {a} {b}");
        }
    }
}

/// A vector that the end of a memory cuts is not stored in part.
#[test]
fn stores_are_whole_or_not_at_all() {
    let ones: V = map([0_u8; 16], |_: u8| 0xff_u8);
    let mut guest = Guest::new(
        &engine(|_| ()),
        r#"(module (memory (export "m0") 1) (memory (export "m1") 1)
            (func (export "store") (param i32 v128) (v128.store (local.get 0) (local.get 1))))"#,
    );
    for short in 1..16 {
        let index = PAGE - 16 + short;
        let args = [
            Val::I32(index.cast_signed()),
            Val::V128(u128::from_le_bytes(ones).into()),
        ];
        let (outcome, _) = guest.call("store", &args);
        assert_eq!(outcome, Err(Trap::MemoryOutOfBounds));
        let end = &guest.memories[0].data(&guest.store)[PAGE as usize - 16..];
        assert_eq!(end, [0; 16], "{short} bytes too far");
    }
}
