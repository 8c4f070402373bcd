//! Ten thousand damaged copies of real modules: truncated, with bits flipped, with operators exchanged, spliced with each other. Most
//! are refused; those that are not are run, against a host that answers at random.
//!
//! Everything comes from one seed. A worker writes each mutant to a file before it is used, so that one that crashes the process is
//! still there afterwards.

use std::any::Any;
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use tussah::{
    Config, Engine, Extern, ExternType, Func, Global, Instance, Memory, Module, OptLevel, Ref,
    Result, Store, StoreLimits, StoreLimitsBuilder, Table, Trap, Val, WasmBacktrace,
};

use crate::support::{Rng, alone, block_on, text};

const MUTANTS: usize = 10_000;
const SEED: u64 = 0x746f_7375_7368;

/// The modules to be damaged: those of the examples, and some that use what compilers rarely emit.
fn originals() -> Vec<Vec<u8>> {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guests");
    let mut files: Vec<PathBuf> = fs::read_dir(&guests)
        .unwrap_or_else(|error| panic!("{}: {error}", guests.display()))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .collect();
    files.sort();
    assert!(
        files.len() >= 5,
        "only {} guests in {}",
        files.len(),
        guests.display()
    );
    let mut all: Vec<_> = files
        .iter()
        .map(|file| fs::read(file).expect("a readable guest"))
        .collect();
    all.extend(
        WRITTEN
            .iter()
            .map(|wat| wat::parse_str(wat).expect("a valid module")),
    );
    all
}

const WRITTEN: [&str; 5] = [
    r#"(module
        (type $t (func (param i32) (result i32)))
        (import "h" "f" (func $host (param i32 i64) (result i32)))
        (import "h" "g" (global $g i32))
        (memory (export "m") 1 4) (table (export "t") 8 20 funcref)
        (global $x (mut i64) (i64.const 5))
        (elem (i32.const 1) func $a $b) (elem $p func $b $a) (data (i32.const 8) "hello") (data $q "world")
        (func $a (export "a") (type $t) (call $host (local.get 0) (global.get $x)))
        (func $b (export "b") (type $t)
            (global.set $x (i64.add (global.get $x) (i64.const 1)))
            (i32.add (local.get 0) (global.get $g)))
        (func (export "c") (param i32) (result i32)
            (call_indirect (type $t) (local.get 0) (i32.and (local.get 0) (i32.const 7))))
        (func (export "d") (param i32 i32)
            (table.init $p (i32.const 3) (i32.const 0) (i32.const 2)) (elem.drop $p)
            (memory.init $q (local.get 0) (i32.const 0) (i32.const 5)) (data.drop $q)
            (memory.copy (local.get 0) (local.get 1) (i32.const 100))
            (memory.fill (local.get 1) (local.get 0) (i32.const 300))
            (table.copy (i32.const 5) (i32.const 1) (i32.const 2))
            (drop (table.grow (ref.func $a) (local.get 1))) (drop (memory.grow (local.get 0)))))"#,
    r#"(module
        (memory 1)
        (func (export "sort") (param $n i32) (local $i i32) (local $j i32) (local $t i64)
            (loop $outer
                (local.set $j (i32.const 0))
                (loop $inner
                    (if (i64.gt_s (i64.load (local.get $j)) (i64.load offset=8 (local.get $j)))
                        (then
                            (local.set $t (i64.load (local.get $j)))
                            (i64.store (local.get $j) (i64.load offset=8 (local.get $j)))
                            (i64.store offset=8 (local.get $j) (local.get $t))))
                    (local.set $j (i32.add (local.get $j) (i32.const 8)))
                    (br_if $inner (i32.lt_u (local.get $j) (i32.const 800))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $outer (i32.lt_u (local.get $i) (local.get $n)))))
        (func (export "fill") (param i32) (local i32)
            (loop (i32.store (local.get 1) (i32.mul (local.get 1) (i32.const 1103515245)))
                (br_if 0 (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 4))) (local.get 0))))))"#,
    r#"(module
        (func (export "floats") (param f64 f32) (result f64 i32 i64)
            (f64.add (f64.sqrt (local.get 0)) (f64.promote_f32 (f32.copysign (local.get 1) (f32.const -1))))
            (i32.trunc_sat_f64_u (f64.div (local.get 0) (f64.const 3)))
            (i64.trunc_f64_s (f64.nearest (f64.min (local.get 0) (f64.const 1e9)))))
        (func (export "integers") (param i64 i32) (result i64)
            (i64.rem_s (i64.rotl (local.get 0) (i64.const 13)) (i64.extend_i32_s (i32.div_u (local.get 1) (i32.const 3)))))
        (func (export "bits") (param i32) (result i32)
            (i32.xor (i32.extend8_s (local.get 0)) (i32.add (i32.popcnt (local.get 0)) (i32.reinterpret_f32 (f32.const 1.5))))))"#,
    r#"(module
        (func $switch (export "switch") (param i32) (result i32)
            (block $d (block $c (block $b (block $a (br_table $a $b $c $d (local.get 0)))
                (return (i32.const 10))) (return (call $switch (i32.add (local.get 0) (i32.const 1)))))
                (return (select (i32.const 1) (i32.const 2) (local.get 0))))
            (block (result i32) (br_if 0 (i32.const 3) (local.get 0)) (drop) (i32.const 4)))
        (func (export "multi") (param i32 i64) (result i64 i32)
            (local.get 1) (local.get 0)
            (loop $l (param i64 i32) (result i64 i32)
                (local.set 0) (local.set 1)
                (i64.mul (local.get 1) (i64.const 3)) (i32.sub (local.get 0) (i32.const 1))
                (br_if $l (i32.gt_s (local.get 0) (i32.const 5)))))
        (func $fib (export "fib") (param i32) (result i32)
            (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
                (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                    (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#,
    r#"(module
        (import "h" "m" (memory 1 2)) (import "h" "t" (table 4 externref)) (import "h" "x" (global (mut i64)))
        (import "h" "e" (func $e (param externref) (result externref)))
        (global $r (mut externref) (ref.null extern))
        (start $s)
        (func $s (i64.store (i32.const 0) (global.get 0)))
        (func (export "refs") (param externref i32) (result i32)
            (table.set 0 (local.get 1) (call $e (local.get 0)))
            (global.set $r (table.get 0 (i32.const 3)))
            (table.fill 0 (i32.const 0) (global.get $r) (i32.const 2))
            (ref.is_null (global.get $r)))
        (func (export "grow") (param i32) (result i32)
            (drop (table.grow 0 (ref.null extern) (local.get 0)))
            (i32.add (memory.grow (local.get 0)) (i32.add (table.size 0) (memory.size)))))"#,
];

/// Where the sections other than custom ones are: id, start of the header, contents.
fn sections(wasm: &[u8]) -> Vec<(u8, usize, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 8;
    while at < wasm.len() {
        let (id, header) = (wasm[at], at);
        at += 1;
        let (mut len, mut shift) = (0_usize, 0);
        while let Some(byte) = wasm.get(at) {
            at += 1;
            len |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if id != 0 {
            found.push((id, header, at..at + len));
        }
        at += len;
    }
    found
}

/// Operators that take and give the same types, so that one may stand for another.
const FAMILIES: [std::ops::RangeInclusive<u8>; 10] = [
    0x46..=0x4f,
    0x51..=0x5a,
    0x5b..=0x60,
    0x61..=0x66,
    0x67..=0x69,
    0x6a..=0x78,
    0x79..=0x7b,
    0x7c..=0x8a,
    0x92..=0x98,
    0xa0..=0xa6,
];

/// One damaged module. Several kinds of damage may meet in one.
fn mutant(rng: &mut Rng, originals: &[Vec<u8>]) -> Vec<u8> {
    let mut wasm = originals[rng.below(originals.len())].clone();
    match rng.below(8) {
        0 => wasm.truncate(rng.below(wasm.len())),
        1 => splice_bytes(rng, &mut wasm, originals),
        2 => splice_sections(rng, &mut wasm, originals),
        3 => {
            exchange(rng, &mut wasm);
            flip(rng, &mut wasm);
        }
        4 | 5 => exchange(rng, &mut wasm),
        _ => flip(rng, &mut wasm),
    }
    wasm
}

/// Flips some bits of what is not a custom section, or of anything at all.
fn flip(rng: &mut Rng, wasm: &mut [u8]) {
    let sections = sections(wasm);
    for _ in 0..=rng.below(3) {
        let at = match rng.below(10) {
            0 => rng.below(wasm.len()),
            _ => {
                let (_, _, range) = &sections[rng.below(sections.len())];
                (range.start + rng.below(range.len().max(1))).min(wasm.len() - 1)
            }
        };
        wasm[at] ^= 1 << rng.below(8);
    }
}

/// Puts other operators of the same kind in the place of some.
fn exchange(rng: &mut Rng, wasm: &mut [u8]) {
    let Some((_, _, code)) = sections(wasm).into_iter().find(|(id, ..)| *id == 10) else {
        return;
    };
    for _ in 0..20 {
        let at = code.start + rng.below(code.len());
        if let Some(family) = FAMILIES.iter().find(|family| family.contains(&wasm[at])) {
            let count = usize::from(family.end() - family.start()) + 1;
            wasm[at] = family.start() + u8::try_from(rng.below(count)).expect("a small family");
            if rng.below(3) == 0 {
                return;
            }
        }
    }
}

/// Writes a piece of one module over, or into, another.
fn splice_bytes(rng: &mut Rng, wasm: &mut Vec<u8>, originals: &[Vec<u8>]) {
    let donor = &originals[rng.below(originals.len())];
    let from = rng.below(donor.len());
    let piece = &donor[from..donor.len().min(from + 1 + rng.below(64))];
    let at = rng.below(wasm.len());
    let end = if rng.below(2) == 0 {
        at
    } else {
        wasm.len().min(at + piece.len())
    };
    wasm.splice(at..end, piece.iter().copied());
}

/// Takes a whole section out, doubles it, or puts that of another module in its place.
fn splice_sections(rng: &mut Rng, wasm: &mut Vec<u8>, originals: &[Vec<u8>]) {
    let own = sections(wasm);
    let (id, header, range) = own[rng.below(own.len())].clone();
    let donor = &originals[rng.below(originals.len())];
    let theirs = sections(donor).into_iter().find(|(other, ..)| *other == id);
    let replacement = match (rng.below(3), theirs) {
        (0, _) => Vec::new(),
        (1, _) => [&wasm[header..range.end], &wasm[header..range.end]].concat(),
        (_, Some((_, header, range))) => donor[header..range.end].to_vec(),
        (_, None) => Vec::new(),
    };
    wasm.splice(header..range.end, replacement);
}

/// What became of them.
#[derive(Clone, Debug, Default)]
struct Tally {
    refused: usize,
    /// Those that were valid, and of which code was run or stopped on the way to that.
    valid: usize,
    not_instantiated: usize,
    calls: usize,
    traps: usize,
    panics: Vec<String>,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.refused += other.refused;
        self.valid += other.valid;
        self.not_instantiated += other.not_instantiated;
        self.calls += other.calls;
        self.traps += other.traps;
        self.panics.extend(other.panics);
    }
}

struct Host {
    limits: StoreLimits,
    rng: Rng,
}

/// A value of a type, at random or by default.
fn value(ty: &tussah::ValType, rng: &mut Rng) -> Option<Val> {
    let n = rng.number();
    let small = if n.is_multiple_of(3) { n } else { n % 100 };
    Some(match Val::default_for_ty(ty)? {
        Val::I32(_) => Val::I32(i32::from_le_bytes(
            small.to_le_bytes()[..4].try_into().expect("four bytes"),
        )),
        Val::I64(_) => Val::I64(small.cast_signed()),
        Val::F32(_) => Val::F32(u32::from_le_bytes(
            n.to_le_bytes()[..4].try_into().expect("four bytes"),
        )),
        Val::F64(_) => Val::F64(n),
        other => other,
    })
}

/// Something for each import, as far as that can be had.
fn imports(store: &mut Store<Host>, module: &Module, rng: &mut Rng) -> Result<Vec<Extern>> {
    let wanted: Vec<_> = module.imports().map(|import| import.ty()).collect();
    let mut given = Vec::new();
    for ty in wanted {
        given.push(match ty {
            ExternType::Func(ty) => {
                let results: Vec<_> = ty.results().collect();
                let answer =
                    move |mut caller: tussah::Caller<'_, Host>, _: &[Val], out: &mut [Val]| {
                        for (slot, ty) in out.iter_mut().zip(&results) {
                            *slot = value(ty, &mut caller.data_mut().rng).ok_or_else(|| {
                                tussah::Error::msg("the host has no value of this type")
                            })?;
                        }
                        Ok(())
                    };
                Func::new(&mut *store, ty, answer).into()
            }
            ExternType::Global(ty) => {
                let value = value(ty.content(), rng)
                    .ok_or_else(|| tussah::Error::msg("no value for a global"))?;
                Global::new(&mut *store, ty, value)?.into()
            }
            ExternType::Memory(ty) => Memory::new(&mut *store, ty)?.into(),
            ExternType::Table(ty) => {
                let null = Ref::null(ty.element().heap_type());
                Table::new(&mut *store, ty, null)?.into()
            }
            _ => tussah::bail!("no import of this kind"),
        });
    }
    Ok(given)
}

/// Compiles and, if it is valid, runs one mutant.
fn try_one(engine: &Engine, wasm: &[u8], seed: u64, on_fiber: bool, tally: &mut Tally) {
    let module = match Module::from_binary(engine, wasm) {
        Ok(module) => module,
        Err(error) => {
            let text = text(&error);
            // A place, or the name of what there is not.
            let known = [
                "offset ",
                "limit",
                "not implemented",
                "not supported",
                "unsupported",
            ];
            assert!(
                known.iter().any(|word| text.contains(word)),
                "an error without a place: {text}"
            );
            tally.refused += 1;
            return;
        }
    };
    tally.valid += 1;
    let limits = StoreLimitsBuilder::new()
        .memory_size(4 << 20)
        .table_elements(10_000)
        .build();
    let mut store = Store::new(
        engine,
        Host {
            limits,
            rng: Rng(seed),
        },
    );
    store.limiter(|host| &mut host.limits);
    store.set_fuel(20_000).expect("an engine with fuel");
    let mut rng = Rng(seed ^ 1);
    let instance = imports(&mut store, &module, &mut rng).and_then(|imports| {
        if on_fiber {
            block_on(Instance::new_async(&mut store, &module, &imports))
        } else {
            Instance::new(&mut store, &module, &imports)
        }
    });
    let instance = match instance {
        Ok(instance) => instance,
        Err(error) => {
            let text = text(&error);
            let known = error.is::<Trap>()
                || ["limit", "import", "no value", "no import", "SharedMemory"]
                    .iter()
                    .any(|word| text.contains(word));
            assert!(known, "an instantiation that failed for no reason: {text}");
            tally.not_instantiated += 1;
            return;
        }
    };
    let names: Vec<_> = module
        .exports()
        .map(|export| export.name().to_owned())
        .collect();
    for name in names.iter().take(20) {
        let Some(func) = instance.get_func(&mut store, name) else {
            continue;
        };
        let ty = func.ty(&store);
        let Some(params) = ty
            .params()
            .map(|ty| value(&ty, &mut rng))
            .collect::<Option<Vec<_>>>()
        else {
            continue;
        };
        let mut results = vec![Val::I32(0); ty.results().len()];
        store.set_fuel(20_000).expect("an engine with fuel");
        let result = if on_fiber {
            block_on(func.call_async(&mut store, &params, &mut results))
        } else {
            func.call(&mut store, &params, &mut results)
        };
        tally.calls += 1;
        if let Err(error) = result {
            let frames = error
                .downcast_ref::<WasmBacktrace>()
                .map(|backtrace| backtrace.frames().len());
            assert!(
                error.is::<Trap>() || text(&error).contains("the host has"),
                "neither trap nor refusal: {}",
                text(&error)
            );
            // The guest was in one of its functions, and the error says in which.
            assert!(
                frames.is_some_and(|frames| frames > 0),
                "a trap without a place: {}",
                text(&error)
            );
            tally.traps += 1;
        }
    }
}

/// The ways to compile and to guard that damaged modules should meet.
fn engines() -> Vec<Engine> {
    let mut plain = Config::new();
    plain.consume_fuel(true);
    let mut checked = Config::new();
    checked
        .consume_fuel(true)
        .signals_based_traps(false)
        .cranelift_opt_level(OptLevel::None);
    let mut small = Config::new();
    small
        .consume_fuel(true)
        .memory_reservation(1 << 16)
        .memory_guard_size(0)
        .cranelift_opt_level(OptLevel::None);
    [plain, checked, small]
        .iter()
        .map(|config| Engine::new(config).expect("an engine"))
        .collect()
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}

fn worker(next: &AtomicUsize, number: usize, originals: &[Vec<u8>], engines: &[Engine]) -> Tally {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mutant-{number}.wasm"));
    let mut tally = Tally::default();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= MUTANTS {
            // Nothing happened that somebody would want to look into.
            let _ = fs::remove_file(&file);
            return tally;
        }
        let mut rng = Rng(SEED + index as u64);
        let wasm = mutant(&mut rng, originals);
        fs::write(&file, &wasm).expect("a writable folder for temporary files");
        let engine = &engines[index % engines.len()];
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            try_one(
                engine,
                &wasm,
                rng.number(),
                index.is_multiple_of(2),
                &mut tally,
            );
        }));
        if let Err(payload) = outcome {
            let kept = file.with_file_name(format!("panic-{index}.wasm"));
            fs::write(&kept, &wasm).expect("a writable folder for temporary files");
            tally.panics.push(format!(
                "{index}, kept as {}: {}",
                kept.display(),
                message(&*payload)
            ));
        }
    }
}

alone! {
    120 s, 1000 mib => fn ten_thousand_mutants() {
        let originals = originals();
        let engines = engines();
        for original in &originals {
            Module::from_binary(&engines[0], original).expect("an original is valid");
        }
        let next = AtomicUsize::new(0);
        let workers = thread::available_parallelism().map_or(2, usize::from).min(8);
        let mut tally = Tally::default();
        thread::scope(|scope| {
            let (next, originals, engines) = (&next, &originals, &engines);
            let all: Vec<_> = (0..workers)
                .map(|number| scope.spawn(move || worker(next, number, originals, engines)))
                .collect();
            for worker in all {
                tally += worker.join().expect("a worker catches what its mutants do");
            }
        });
        assert!(tally.panics.is_empty(), "{}", tally.panics.join("\n"));
        assert_eq!(tally.refused + tally.valid, MUTANTS);
        assert!(tally.valid - tally.not_instantiated >= 1_000, "too few were run: {tally:?}");
        assert!(tally.refused >= 1_000 && tally.traps >= 500 && tally.calls > tally.traps, "too tame: {tally:?}");
    }
}
