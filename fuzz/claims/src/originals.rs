//! Modules in the text format to begin with: each has something of most families of operators and sections.

/// Of what is implemented.
pub(crate) const ORIGINALS: [&str; 5] = [
    r#"(module $numbers
        (func (export "integers") (param i32 i64) (result i64)
            (i64.add (i64.rotl (local.get 1) (i64.const 7))
                (i64.extend_i32_u (i32.div_s (i32.popcnt (local.get 0)) (i32.const 3)))))
        (func (export "floats") (param f32 f64) (result i32 f64)
            (i32.trunc_f32_s (f32.sqrt (f32.abs (local.get 0))))
            (f64.min (f64.promote_f32 (local.get 0)) (f64.nearest (local.get 1)))))"#,
    r#"(module $memories
        (memory $a (export "a") 1 3) (memory $b i64 1)
        (data (memory $a) (i32.const 8) "beginning") (data $later "later")
        (func (export "bulk") (param i32 i64)
            (memory.fill $a (local.get 0) (i32.const 7) (i32.const 300))
            (memory.copy $a $a (i32.const 0) (local.get 0) (i32.const 90))
            (memory.init $a $later (local.get 0) (i32.const 1) (i32.const 3)) (data.drop $later)
            (i64.store16 $b offset=65000 (local.get 1) (i64.load $b (local.get 1)))
            (drop (memory.grow $a (i32.load8_s $a (local.get 0))))))"#,
    r#"(module $tables
        (type $t (func (param i32) (result i32)))
        (import "host" "function" (func $host (type $t)))
        (import "host" "table" (table $given 4 externref))
        (table $own (export "own") 6 12 funcref)
        (elem (table $own) (i32.const 1) func $host $tail) (elem $later func $tail $host)
        (func $tail (export "tail") (type $t)
            (return_call_indirect $own (type $t) (local.get 0) (i32.and (local.get 0) (i32.const 3))))
        (func (export "at work") (param externref i32)
            (table.set $given (local.get 1) (local.get 0))
            (table.init $own $later (i32.const 2) (i32.const 0) (i32.const 2)) (elem.drop $later)
            (table.copy $own $own (i32.const 1) (i32.const 2) (i32.const 2))
            (drop (table.grow $own (ref.func $tail) (local.get 1)))
            (table.fill $given (i32.const 0) (ref.null extern) (i32.const 2))))"#,
    r#"(module $control
        (global $g (export "g") (mut i64) (i64.const -5))
        (func $fac (export "fac") (param i64) (result i64)
            (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 1))
                (else (i64.mul (local.get 0) (call $fac (i64.sub (local.get 0) (i64.const 1)))))))
        (func (export "switch") (param i32) (result i32)
            (block $c (block $b (block $a (br_table $a $b $c (local.get 0))) (return (i32.const 1)))
                (global.set $g (i64.add (global.get $g) (i64.const 1))) (br $c)) (unreachable))
        (func (export "turns") (param i32) (result i32)
            (loop $again (result i32)
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) (drop (local.get 0))
                (select (i32.const 4) (local.get 0) (i32.const 1)))))"#,
    r#"(module $start
        (import "host" "global" (global $base i32)) (memory 1)
        (global $sum i32 (i32.add (global.get $base) (i32.const 3)))
        (data (i32.const 100) "\00\01\02\03") (start $begin)
        (func $begin (i32.store (i32.const 0) (global.get $sum))))"#,
];
