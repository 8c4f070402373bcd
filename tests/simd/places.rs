//! Vectors wherever values go: locals, globals, calls of every kind, host functions, blocks, selections.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tussah::{
    Config, Engine, Func, FuncType, Global, GlobalType, Instance, Linker, Module, Mutability,
    OptLevel, Store, V128, Val, ValType,
};

use crate::model::{self, zip};
use crate::values::engine;

fn v(number: u128) -> V128 {
    V128::from(number.wrapping_mul(0x0123_4567_89ab_cdef_0fed_cba9_8765_4321))
}

fn configurations() -> Vec<Engine> {
    let configurations: [fn(&mut Config); 4] = [
        |_| (),
        |c| _ = c.consume_fuel(true),
        |c| _ = c.cranelift_opt_level(OptLevel::None),
        |c| _ = c.signals_based_traps(false),
    ];
    configurations.map(engine).into()
}

fn store(engine: &Engine) -> Store<()> {
    let mut store = Store::new(engine, ());
    if engine.get_consume_fuel() {
        store.set_fuel(1_000_000).expect("fuel is counted");
    }
    store
}

const PLACES: &str = r#"(module
    (type $vv (func (param v128 v128) (result v128)))
    (import "host" "swap" (func $swap (param v128 i32 v128) (result v128 v128)))
    (import "host" "global" (global $imported (mut v128)))
    (import "host" "fixed" (global $fixed v128))
    (global $own (export "own") (mut v128) (v128.const i64x2 7 8))
    (global $copy (export "copy") v128 (global.get $fixed))
    (table funcref (elem $sub $tail))
    (func (export "zeroed") (result v128) (local v128) (local.get 0))
    (func (export "locals") (param v128) (result v128) (local v128 v128)
        (local.set 1 (local.get 0))
        (i8x16.add (local.tee 2 (local.get 1)) (local.get 2)))
    (func $sub (export "sub") (type $vv) (i64x2.sub (local.get 0) (local.get 1)))
    (func $tail (export "tail") (type $vv) (return_call $sub (local.get 1) (local.get 0)))
    (func (export "indirect") (param i32 v128 v128) (result v128)
        (call_indirect (type $vv) (local.get 1) (local.get 2) (local.get 0)))
    (func (export "tail indirect") (param i32 v128 v128) (result v128)
        (return_call_indirect (type $vv) (local.get 1) (local.get 2) (local.get 0)))
    (func (export "host") (param v128 v128) (result v128 v128)
        (call $swap (local.get 0) (i32.const 5) (local.get 1)))
    (func (export "globals") (param v128) (result v128 v128 v128)
        (global.set $own (v128.xor (global.get $own) (local.get 0)))
        (global.set $imported (i32x4.add (local.get 0) (global.get $imported)))
        (global.get $own) (global.get $imported) (global.get $fixed))
    (func (export "select") (param i32 v128 v128) (result v128 v128)
        (select (local.get 1) (local.get 2) (local.get 0))
        (select (result v128) (local.get 2) (local.get 1) (local.get 0)))
    (func (export "blocks") (param i32 v128 v128) (result v128)
        (local.get 1) (local.get 1)
        (block (param v128) (result v128)
            (br_if 0 (local.get 2) (i32.eq (local.get 0) (i32.const 1)))
            (drop) (drop)
            (local.get 2)
            (if (param v128) (result v128) (i32.eq (local.get 0) (i32.const 2))
                (then (v128.not))
                (else (i8x16.neg))))
        (v128.xor))
    (func (export "table") (param i32 v128 v128) (result v128)
        (block (result v128)
            (block (result v128)
                (br_table 0 1 0 (local.get 1) (local.get 0)))
            (return (v128.not)))
        (i8x16.add (local.get 2)))
    ;; Fibonacci numbers in two lanes, carried around as parameters.
    (func $fibonacci (export "loop") (param i32) (result v128)
        (v128.const i64x2 0 1) (v128.const i64x2 1 1)
        (loop (param v128 v128) (result v128)
            (call $next)
            (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))
            (br_if 0)
            (drop)))
    (func $next (param v128 v128) (result v128 v128)
        (local.get 1) (i64x2.add (local.get 0) (local.get 1)))
    (func $many (param i32 v128 f64 v128 v128 i64 v128 v128 v128 v128 v128 v128 v128 f32 v128)
        (result v128 i32 v128 f64 v128 v128 v128 v128 v128 v128 v128 v128 v128)
        (local.get 14) (local.get 0) (local.get 12) (local.get 2)
        (local.get 11) (local.get 10) (local.get 9) (local.get 8) (local.get 7) (local.get 6) (local.get 4) (local.get 3)
        (v128.or (local.get 1) (i64x2.replace_lane 1 (f32x4.splat (local.get 13)) (local.get 5))))
    (func (export "many") (param i32 v128 f64 v128 v128 i64 v128 v128 v128 v128 v128 v128 v128 f32 v128)
        (result v128 i32 v128 f64 v128 v128 v128 v128 v128 v128 v128 v128 v128)
        (call $many (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6)
            (local.get 7) (local.get 8) (local.get 9) (local.get 10) (local.get 11) (local.get 12) (local.get 13)
            (local.get 14)))
)"#;

struct Guest {
    store: Store<()>,
    instance: Instance,
    imported: Global,
}

impl Guest {
    fn new(engine: &Engine) -> Guest {
        let mut store = store(engine);
        let ty = |mutability| GlobalType::new(ValType::V128, mutability);
        let global = Global::new(&mut store, ty(Mutability::Var), Val::V128(v(9)));
        let fixed = Global::new(&mut store, ty(Mutability::Const), Val::from(v(4)));
        let (imported, fixed) = (global.expect("is made"), fixed.expect("is made"));
        let swap = Func::wrap(&mut store, |a: V128, i: i32, b: V128| {
            assert_eq!(i, 5);
            (b, a)
        });
        let module = Module::new(engine, PLACES).unwrap_or_else(|e| panic!("{e:?}"));
        let imports = [swap.into(), imported.into(), fixed.into()];
        let instance = Instance::new(&mut store, &module, &imports).expect("instantiates");
        Guest {
            store,
            instance,
            imported,
        }
    }

    fn call(&mut self, name: &str, args: &[Val]) -> Vec<V128> {
        let f = self
            .instance
            .get_func(&mut self.store, name)
            .expect("is exported");
        let mut results = vec![Val::I32(0); f.ty(&self.store).results().len()];
        f.call(&mut self.store, args, &mut results)
            .expect("does not trap");
        results.iter().filter_map(Val::v128).collect()
    }
}

fn lanes(v: V128) -> Vec<u64> {
    model::lanes(v.as_u128().to_le_bytes())
}

fn sub(a: V128, b: V128) -> V128 {
    let (a, b) = (a.as_u128().to_le_bytes(), b.as_u128().to_le_bytes());
    V128::from(u128::from_le_bytes(zip(a, b, u64::wrapping_sub)))
}

fn bytes(a: V128, f: impl Fn(u8) -> u8) -> V128 {
    V128::from(u128::from_le_bytes(a.as_u128().to_le_bytes().map(f)))
}

fn not(a: V128) -> V128 {
    V128::from(!a.as_u128())
}

#[test]
fn vectors_are_values() {
    for engine in configurations() {
        let mut guest = Guest::new(&engine);
        let (a, b) = (v(1), v(2));
        let (x, y) = (Val::from(a), Val::from(b));
        assert_eq!(guest.call("zeroed", &[]), [V128::from(0)]);
        assert_eq!(
            guest.call("locals", &[x]),
            [bytes(a, |x| x.wrapping_add(x))]
        );
        assert_eq!(guest.call("sub", &[x, y]), [sub(a, b)]);
        assert_eq!(guest.call("tail", &[x, y]), [sub(b, a)]);
        for name in ["indirect", "tail indirect"] {
            assert_eq!(guest.call(name, &[0.into(), x, y]), [sub(a, b)]);
            assert_eq!(guest.call(name, &[1.into(), x, y]), [sub(b, a)]);
        }
        assert_eq!(guest.call("host", &[x, y]), [b, a]);
        assert_eq!(guest.call("select", &[1.into(), x, y]), [a, b]);
        assert_eq!(guest.call("select", &[0.into(), x, y]), [b, a]);
    }
}

#[test]
fn vectors_pass_along_branches() {
    for engine in configurations() {
        let mut guest = Guest::new(&engine);
        let (a, b) = (v(1), v(2));
        let xor = |a: V128, b: V128| V128::from(a.as_u128() ^ b.as_u128());
        let mut blocks = |i: i32| guest.call("blocks", &[i.into(), a.into(), b.into()])[0];
        assert_eq!(blocks(1), xor(a, b));
        assert_eq!(blocks(2), xor(a, not(b)));
        assert_eq!(blocks(3), xor(a, bytes(b, u8::wrapping_neg)));
        let mut table = |i: i32| guest.call("table", &[i.into(), a.into(), b.into()])[0];
        assert_eq!(table(0), not(a));
        let sum = a
            .as_u128()
            .to_le_bytes()
            .into_iter()
            .zip(b.as_u128().to_le_bytes());
        let sum: Vec<u8> = sum.map(|(a, b)| a.wrapping_add(b)).collect();
        let sum = V128::from(u128::from_le_bytes(sum.try_into().expect("16 bytes")));
        assert_eq!(table(1), sum);
        assert_eq!(table(2), not(a));
        let numbers = guest.call("loop", &[10.into()]);
        assert_eq!(lanes(numbers[0]), [55, 89]);
    }
}

#[test]
fn globals_hold_vectors() {
    for engine in configurations() {
        let mut guest = Guest::new(&engine);
        let a = v(3);
        let own = V128::from(7 | 8 << 64);
        let results = guest.call("globals", &[a.into()]);
        let sum = |a: V128, b: V128| {
            let (a, b) = (a.as_u128().to_le_bytes(), b.as_u128().to_le_bytes());
            V128::from(u128::from_le_bytes(zip(a, b, u32::wrapping_add)))
        };
        let changed = V128::from(own.as_u128() ^ a.as_u128());
        assert_eq!(results, [changed, sum(a, v(9)), v(4)]);
        let imported = guest.imported.get(&mut guest.store);
        assert_eq!(imported.unwrap_v128(), sum(a, v(9)));
        guest
            .imported
            .set(&mut guest.store, Val::V128(v(20)))
            .expect("a variable");
        assert_eq!(guest.call("globals", &[a.into()])[1], sum(a, v(20)));
        let exported = |guest: &mut Guest, name: &str| {
            let global = guest
                .instance
                .get_global(&mut guest.store, name)
                .expect("is exported");
            assert!(global.ty(&guest.store).content().is_v128());
            global.get(&mut guest.store).unwrap_v128()
        };
        assert_eq!(exported(&mut guest, "copy"), v(4));
        assert_eq!(exported(&mut guest, "own"), own);
    }
}

/// More parameters and results than there are registers, between those of other types.
#[test]
fn many_vectors_at_once() {
    for engine in configurations() {
        let mut guest = Guest::new(&engine);
        let f = guest
            .instance
            .get_func(&mut guest.store, "many")
            .expect("is exported");
        let params: Vec<Val> = f
            .ty(&guest.store)
            .params()
            .zip(1..)
            .map(|(ty, i)| match ty {
                ValType::V128 => Val::V128(v(i)),
                ValType::I32 => Val::I32(77),
                ValType::I64 => Val::I64(-5),
                ValType::F32 => Val::F32(1.5_f32.to_bits()),
                _ => Val::F64(2.5_f64.to_bits()),
            })
            .collect();
        let mut results = vec![Val::I32(0); f.ty(&guest.store).results().len()];
        f.call(&mut guest.store, &params, &mut results)
            .expect("does not trap");
        let float = u128::from(1.5_f32.to_bits());
        let last = float | float << 32 | u128::from((-5_i64).cast_unsigned()) << 64;
        let vectors: Vec<V128> = results.iter().filter_map(Val::v128).collect();
        let expected = [15, 13, 12, 11, 10, 9, 8, 7, 5, 4].map(v);
        assert_eq!(vectors[..10], expected);
        assert_eq!(vectors[10..], [V128::from(v(2).as_u128() | last)]);
        assert_eq!((results[1].i32(), results[3].f64()), (Some(77), Some(2.5)));
    }
}

#[test]
fn typed_calls_take_vectors() {
    let engine = engine(|_| ());
    let mut guest = Guest::new(&engine);
    let sub = guest
        .instance
        .get_typed_func::<(V128, V128), V128>(&mut guest.store, "sub");
    let (a, b) = (v(5), v(6));
    let result = sub.expect("has this type").call(&mut guest.store, (a, b));
    assert_eq!(result.expect("does not trap"), self::sub(a, b));
    let wrong = guest
        .instance
        .get_typed_func::<(V128, i64), V128>(&mut guest.store, "sub");
    assert!(wrong.is_err());
}

/// Waits the given number of polls.
struct Later(u32);

impl Future for Later {
    type Output = ();
    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.checked_sub(1) {
            None => Poll::Ready(()),
            Some(less) => {
                self.0 = less;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// What is in vector registers survives calls of the host, suspended or not, and the runtime's own in the middle of code.
#[test]
fn vectors_survive_suspension() {
    let engine = engine(|c| {
        c.consume_fuel(true);
    });
    let mut linker = Linker::new(&engine);
    let ty = FuncType::new(&engine, [ValType::V128], [ValType::V128]);
    let later = linker.func_new_async("host", "later", ty, |_, params, results| {
        Box::new(async move {
            Later(3).await;
            results[0] = params[0];
            Ok(())
        })
    });
    later.expect("is new");
    let text = r#"(module
        (import "host" "later" (func $later (param v128) (result v128)))
        (func (export "f") (param v128 v128 i32) (result v128)
            (local v128 v128 v128)
            (local.set 3 (v128.not (local.get 0)))
            (local.set 4 (i8x16.neg (local.get 1)))
            (local.set 5 (v128.xor (local.get 0) (local.get 1)))
            (loop
                (local.set 5 (i64x2.add (local.get 5) (v128.xor (local.get 3) (local.get 4))))
                (local.set 0 (i64x2.add (local.get 0) (local.get 1)))
                (br_if 0 (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))
            (i64x2.add (call $later (local.get 5)) (local.get 0))))"#;
    let module = Module::new(&engine, text).expect("compiles");
    let mut store = Store::new(&engine, ());
    store.set_fuel(u64::MAX).expect("fuel is counted");
    // Every turn of the loop, or nearly.
    store
        .fuel_async_yield_interval(Some(20))
        .expect("fuel is counted");
    let (a, b, turns) = (v(11), v(12), 100);
    let mut polls = 0;
    let result = {
        let mut future = pin!(async {
            let instance = linker.instantiate_async(&mut store, &module).await?;
            let f = instance.get_typed_func::<(V128, V128, i32), V128>(&mut store, "f")?;
            f.call_async(&mut store, (a, b, turns)).await
        });
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            polls += 1;
            if let Poll::Ready(result) = future.as_mut().poll(&mut cx) {
                break result;
            }
        }
    };
    let add = |a: V128, b: V128| sub(a, sub(V128::from(0), b));
    let step = V128::from(not(a).as_u128() ^ bytes(b, u8::wrapping_neg).as_u128());
    let (mut sum, mut other) = (V128::from(a.as_u128() ^ b.as_u128()), a);
    for _ in 0..turns {
        sum = add(sum, step);
        other = add(other, b);
    }
    assert_eq!(result.expect("does not trap"), add(sum, other));
    assert!(polls > 50, "suspended {polls} times");
}

/// Where a stack ends, the count is in the register of a parameter; which one depends on how results are returned.
#[test]
fn fuel_is_exact_where_stacks_overflow() {
    let engine = engine(|c| _ = c.consume_fuel(true));
    for (integers, vectors) in [(5, 5), (9, 1), (1, 9), (8, 8)] {
        let results = " i64".repeat(integers) + &" v128".repeat(vectors);
        let text = format!(
            "(module (global $depth (export \"depth\") (mut i64) (i64.const 0))
                (func $f (export \"f\") (result{results})
                    (global.set $depth (i64.add (global.get $depth) (i64.const 1)))
                    (call $f)))"
        );
        let module = Module::new(&engine, &text).expect("compiles");
        let mut store = store(&engine);
        store
            .set_fuel(u64::from(u32::MAX))
            .expect("fuel is counted");
        let instance = Instance::new(&mut store, &module, &[]).expect("instantiates");
        let f = instance.get_func(&mut store, "f").expect("is exported");
        let mut results = vec![Val::I32(0); integers + vectors];
        let error = f
            .call(&mut store, &[], &mut results)
            .expect_err("overflows");
        assert_eq!(error.downcast_ref(), Some(&tussah::Trap::StackOverflow));
        let depth = instance
            .get_global(&mut store, "depth")
            .expect("is exported");
        let depth = depth.get(&mut store).unwrap_i64().cast_unsigned();
        let used = u64::from(u32::MAX) - store.get_fuel().expect("fuel is counted");
        // Each entry, the four operators before the call, and the call; the last call did not get to its entry.
        assert!(depth > 100);
        assert_eq!(used, 6 * depth, "{integers} integers, {vectors} vectors");
    }
}
