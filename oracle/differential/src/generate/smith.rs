//! Modules by `wasm-smith`.

use crate::case::{Case, Kind};
use crate::rng::Rng;
use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

/// Units per call: what does not terminate, and that is much, ends here.
const FUEL: u64 = 10_000;

/// Units per call of a module that ends by itself, far above what it can use.
const PLENTY: u64 = 50_000_000;

/// Calls and turns of loops in the life of an instance that ends by itself.
const TURNS: u32 = 3_000;

/// The case of this seed.
#[cfg(feature = "peers")]
pub(crate) fn smith(seed: u64) -> Case {
    let mut rng = Rng::new(seed ^ 0x5317);
    // Some bytes lead to nothing that the configuration allows.
    let module = (0..100).find_map(|_| {
        let bytes: Vec<u8> = (0..1024 + rng.below(6) * 1024)
            .flat_map(|_| rng.number().to_le_bytes())
            .collect();
        Module::new(config(&mut rng), &mut Unstructured::new(&bytes)).ok()
    });
    let module = module.expect("one in a hundred attempts gives a module");
    Case {
        kind: Kind::Smith,
        name: format!("smith:{seed}"),
        seed,
        wasm: module.to_bytes(),
        fuel: FUEL,
        rounds: 2,
        fail_at: rng.chance(1, 20).then(|| u64::from(rng.below(4)) + 1),
        reenters: false,
        expected: None,
        files: None,
    }
}

/// The case that a fuzzer's bytes stand for, and whether it ends without fuel; `None` if they stand for none.
///
/// The first eight bytes seed everything around the module, the others are what it is made of.
pub(crate) fn smith_of(data: &[u8]) -> Option<(Case, bool)> {
    let (seed, bytes) = data.split_first_chunk()?;
    let seed = u64::from_le_bytes(*seed);
    let mut rng = Rng::new(seed ^ 0xf022);
    let config = Config {
        // Most of what is called first would not return.
        allow_start_export: rng.chance(1, 16),
        // Without types there are no functions.
        min_types: 4,
        ..config(&mut rng)
    };
    let mut module = Module::new(config, &mut Unstructured::new(bytes)).ok()?;
    let ends = rng.chance(1, 2);
    if ends {
        module.ensure_termination(TURNS).ok()?;
    }
    let case = Case {
        kind: Kind::Smith,
        name: format!("smith-{seed:016x}"),
        seed,
        wasm: module.to_bytes(),
        fuel: if ends { PLENTY } else { FUEL },
        rounds: 1 + rng.below(2),
        fail_at: rng.chance(1, 20).then(|| u64::from(rng.below(4)) + 1),
        reenters: false,
        expected: None,
        files: None,
    };
    Some((case, ends))
}

/// Bytes that lead to a module, most of the time: what a fuzzer without coverage begins with.
pub fn smith_bytes(seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let words = 512 + rng.below(4_096);
    (0..=words)
        .flat_map(|_| rng.number().to_le_bytes())
        .collect()
}

/// What tussah implements, in sizes that compile quickly.
fn config(rng: &mut Rng) -> Config {
    // Some modules shall show traps, most shall get far.
    let traps = rng.chance(1, 16);
    // Vectors have so many operators that they would leave little room for others.
    let simd = rng.chance(1, 3);
    Config {
        canonicalize_nans: true,
        disallow_traps: !traps,
        export_everything: true,
        min_funcs: 3,
        max_funcs: 12,
        max_imports: 8,
        max_globals: 12,
        max_instructions: 60 + rng.below(400) as usize,
        max_nesting_depth: 12,
        max_memories: if rng.chance(1, 8) { 2 } else { 1 },
        min_memories: u32::from(rng.chance(3, 4)),
        max_memory32_bytes: 8 << 16,
        max_memory64_bytes: 8 << 16,
        memory_max_size_required: rng.chance(1, 2),
        max_tables: 3,
        max_table_elements: 200,
        table_max_size_required: rng.chance(1, 2),
        max_types: 20,
        max_values: 6,
        reference_types_enabled: true,
        bulk_memory_enabled: true,
        extended_const_enabled: true,
        multi_value_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        tail_call_enabled: rng.chance(1, 8),
        simd_enabled: simd,
        relaxed_simd_enabled: simd && rng.chance(1, 2),
        memory64_enabled: rng.chance(1, 4),
        custom_page_sizes_enabled: rng.chance(1, 8),
        wide_arithmetic_enabled: rng.chance(1, 4),
        // Not implemented.
        compact_imports_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        threads_enabled: false,
        ..Config::default()
    }
}
