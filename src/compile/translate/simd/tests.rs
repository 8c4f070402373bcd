//! What CLIF comes of vector operators; what it computes is tested from outside, in `tests/simd`.

use super::super::tests::{clif, fuel, plain};
use crate::code::Tunables;

/// The CLIF of an operator on parameters.
fn of(op: &str, params: usize, tunables: &Tunables) -> String {
    let operands: String = (0..params).map(|i| format!("(local.get {i})")).collect();
    let params = " v128".repeat(params);
    let (text, _) = clif(
        &format!("(module (func (param{params}) (result v128) ({op} {operands})))"),
        tunables,
    );
    text
}

#[test]
fn relaxed_operators_are_fast_unless_told_otherwise() {
    let deterministic = Tunables {
        relaxed_simd_deterministic: true,
        ..plain()
    };
    let fast = plain();
    let cases = [
        ("i8x16.relaxed_swizzle", 2, "x86_pshufb", "swizzle"),
        (
            "i32x4.relaxed_trunc_f32x4_s",
            1,
            "x86_cvtt2dq",
            "fcvt_to_sint_sat",
        ),
        (
            "i32x4.relaxed_trunc_f64x2_s_zero",
            1,
            "x86_cvtt2dq",
            "fcvt_to_sint_sat",
        ),
        ("i8x16.relaxed_laneselect", 3, "blendv", "bitselect"),
        ("i64x2.relaxed_laneselect", 3, "blendv", "bitselect"),
        (
            "i16x8.relaxed_q15mulr_s",
            2,
            "x86_pmulhrsw",
            "sqmul_round_sat",
        ),
        (
            "i16x8.relaxed_dot_i8x16_i7x16_s",
            2,
            "x86_pmaddubsw",
            "swiden_low",
        ),
        (
            "i32x4.relaxed_dot_i8x16_i7x16_add_s",
            3,
            "x86_pmaddubsw",
            "imul",
        ),
        ("f32x4.relaxed_min", 2, "fcmp lt", "fmin"),
        ("f64x2.relaxed_max", 2, "fcmp lt", "fmax"),
    ];
    for (op, params, quick, exact) in cases {
        let text = of(op, params, &deterministic);
        assert!(
            text.contains(exact) && !text.contains(quick),
            "{op}: {text}"
        );
        if cfg!(target_arch = "x86_64") {
            let text = of(op, params, &fast);
            assert!(
                text.contains(quick) && !text.contains(exact),
                "{op}: {text}"
            );
        }
    }
    for op in ["f32x4.relaxed_madd", "f64x2.relaxed_nmadd"] {
        assert!(of(op, 3, &deterministic).contains("= fma "));
    }
}

/// A chain of operators on the same lanes does not go through `i8x16` and back.
#[test]
fn lanes_keep_their_type() {
    let (text, _) = clif(
        "(module (func (param v128) (result v128)
            (f32x4.sqrt (f32x4.add (f32x4.neg (local.get 0)) (f32x4.abs (local.get 0))))))",
        &plain(),
    );
    let used: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("bitcast.f32x4"))
        .collect();
    assert_eq!(used.len(), 2, "{text}");
}

/// An aligned access may become part of an instruction that faults on other addresses, and one that cannot trap is not
/// found when it does.
#[test]
fn accesses_may_trap_and_promise_no_alignment() {
    let ops = [
        ("(drop (v128.load (local.get 0)))", "load.i8x16"),
        ("(drop (v128.load16x4_u (local.get 0)))", "uload16x4"),
        ("(drop (v128.load64_splat (local.get 0)))", "load.i64"),
        ("(v128.store (local.get 0) (local.get 1))", "store"),
        ("(v128.store8_lane 3 (local.get 0) (local.get 1))", "store"),
    ];
    for (op, instruction) in ops {
        for tunables in [plain(), fuel()] {
            let wat = format!("(module (memory 1) (func (param i32 v128) {op}))");
            let (text, _) = clif(&wat, &tunables);
            let access = text
                .lines()
                .find(|line| line.contains(instruction) && line.contains("region0"));
            let access = access.unwrap_or_else(|| panic!("no {instruction} in {text}"));
            assert!(
                !access.contains("aligned") && !access.contains("notrap"),
                "{access}"
            );
        }
    }
}
