//! Recursions without end that count how deep they are, and what each activation uses.

/// A module whose `$f` and perhaps `$g` call each other without end, counting their activations in `$d` and `$e`; what each uses
/// in an activation, its entry included.
pub(crate) struct Endless {
    pub(crate) name: &'static str,
    pub(crate) wat: String,
    pub(crate) f: u64,
    pub(crate) g: u64,
}

/// Frames and signatures of many kinds.
pub(crate) fn all() -> Vec<Endless> {
    const D: &str = "global.get $d i32.const 1 i32.add global.set $d";
    const E: &str = "global.get $e i32.const 1 i32.add global.set $e";
    let load = |i: usize| format!("i32.const {i} i64.load local.set $l{i} ");
    let add = |i: usize| format!("local.get $w local.get $l{i} i64.add local.set $w ");
    let local = |i: usize| format!("(local $l{i} i64)");
    let each = |print: &dyn Fn(usize) -> String| (0..24).map(print).collect::<String>();
    let (locals, loads, adds) = (each(&local), each(&load), each(&add));
    let one = |name, code: String, f| Endless {
        name,
        wat: code,
        f,
        g: 0,
    };
    let drops = "drop ".repeat(12);
    vec![
        one("plain", format!("(func $f {D} call $f)"), 6),
        one(
            "results of both kinds",
            format!(
                "(func $fs (result {}) {D} call $fs) (func $f call $fs {})",
                "i32 f64 ".repeat(10),
                "drop ".repeat(20)
            ),
            6,
        ),
        one(
            "integer results",
            format!("(func $fs (result {}) {D} call $fs) (func $f call $fs {drops})", "i64 ".repeat(12)),
            6,
        ),
        one(
            "float results",
            format!("(func $fs (result {}) {D} call $fs) (func $f call $fs {drops})", "f32 ".repeat(12)),
            6,
        ),
        one(
            "parameters",
            format!(
                "(func $fs (param {}) {D} {} call $fs) (func $f {} call $fs)",
                "i64 ".repeat(12),
                (0..12).map(|i| format!("local.get {i} ")).collect::<String>(),
                "i64.const 7 ".repeat(12)
            ),
            18,
        ),
        one(
            "behind a loop",
            format!(
                "(func $f (local $i i32) loop local.get $i i32.const 1 i32.add local.tee $i i32.const 3 i32.lt_u br_if 0 end
                 {D} call $f)"
            ),
            1 + 3 * 7 + 5,
        ),
        one(
            "in a loop",
            format!("(func $f loop {D} call $f br 0 end)"),
            6,
        ),
        one(
            "many live values",
            format!("(func $f (local $w i64) {locals} {loads} {D} call $f {adds} local.get $w drop)"),
            1 + 24 * 3 + 5,
        ),
        one(
            "indirect",
            format!("(table funcref (elem $f)) (func $f {D} i32.const 0 call_indirect)"),
            7,
        ),
        one(
            "cold",
            format!("(func $f {D} global.get $d if call $f unreachable end)"),
            8,
        ),
        Endless {
            name: "two with different frames",
            wat: format!(
                "(func $f {D} call $g)
                 (func $g (local $w i64) {locals} {loads} {E} call $f {adds} local.get $w drop)"
            ),
            f: 6,
            g: 1 + 24 * 3 + 5,
        },
    ]
}
