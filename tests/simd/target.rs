//! Machines that lack instructions: simulated by flags, on x86-64.
#![cfg(target_arch = "x86_64")]

use tussah::{Config, Engine};

use crate::operators::{relaxed, simd};
use crate::relaxed::allowed;
use crate::values::{check, check_with, engine};

fn without(config: &mut Config, flags: &[&str]) {
    for flag in flags {
        // SAFETY: only instructions are turned off.
        unsafe {
            config.cranelift_flag_set(flag, "false");
        }
    }
}

fn refusal(adjust: impl FnOnce(&mut Config)) -> String {
    let mut config = Config::new();
    adjust(&mut config);
    match Engine::new(&config) {
        Ok(_) => panic!("accepted: {config:?}"),
        Err(error) => format!("{error:?}"),
    }
}

/// Everything newer than what an engine needs.
const NEWER: [&str; 12] = [
    "has_sse42",
    "has_avx",
    "has_avx2",
    "has_fma",
    "has_bmi1",
    "has_bmi2",
    "has_popcnt",
    "has_lzcnt",
    "has_avx512f",
    "has_avx512dq",
    "has_avx512vl",
    "has_avx512bitalg",
];

#[test]
fn old_machines_compute_the_same() {
    check(&engine(|c| without(c, &NEWER)), &simd(), 31, false);
    check(&engine(|c| without(c, &NEWER[..1])), &simd(), 32, false);
    let canonical = engine(|c| {
        without(c, &NEWER);
        c.cranelift_nan_canonicalization(true);
    });
    check(&canonical, &simd(), 33, true);
    let avx = engine(|c| without(c, &NEWER[8..]));
    check(&avx, &simd(), 34, false);
    let deterministic = engine(|c| {
        without(c, &NEWER[8..]);
        c.relaxed_simd_deterministic(true);
    });
    check(&deterministic, &relaxed(), 35, false);
    let any = engine(|c| without(c, &NEWER));
    check_with(&any, &relaxed(), 36, &|op, args, _, actual| {
        allowed(op, args, actual)
    });
}

#[test]
fn what_is_needed_is_named() {
    let lacking = refusal(|c| without(c, &["has_ssse3"]));
    assert!(
        lacking.contains("the simd proposal needs SSSE3"),
        "{lacking}"
    );
    // Vectors turned off, it is not needed.
    engine(|c| {
        without(c, &["has_ssse3"]);
        c.wasm_simd(false).wasm_relaxed_simd(false);
    });
    let lacking = refusal(|c| {
        without(c, &["has_fma"]);
        c.relaxed_simd_deterministic(true);
    });
    assert!(
        lacking.contains("`Config::relaxed_simd_deterministic` needs AVX and FMA"),
        "{lacking}"
    );
    engine(|c| {
        without(c, &["has_fma"]);
        c.relaxed_simd_deterministic(true).wasm_relaxed_simd(false);
    });
}
