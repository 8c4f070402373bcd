;; Small kernels of the kinds of code in which checks could be felt. Each takes how much to do and returns a checksum;
;; `kernels.rs` computes the same in Rust.
(module
    (memory 4)
    (type $op (func (param i64 i64) (result i64)))
    (table funcref (elem $add $xor $mul $sub))

    ;; Calls and little else.
    (func $fib (export "fib") (param $n i32) (result i64)
        (if (result i64) (i32.lt_u (local.get $n) (i32.const 2))
            (then (i64.extend_i32_u (local.get $n)))
            (else (i64.add
                (call $fib (i32.sub (local.get $n) (i32.const 1)))
                (call $fib (i32.sub (local.get $n) (i32.const 2)))))))

    ;; One tight loop in registers: a xorshift generator.
    (func (export "i64 loop") (param $n i32) (result i64)
        (local $x i64)
        (local.set $x (i64.const 88172645463325252))
        (loop $again
            (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
            (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
            (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 17))))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $x))

    ;; Nested loops over memory: counts the primes below $n.
    (func (export "sieve") (param $n i32) (result i64)
        (local $i i32) (local $j i32) (local $count i64)
        (memory.fill (i32.const 0) (i32.const 0) (local.get $n))
        (local.set $i (i32.const 2))
        (loop $next
            (if (i32.eqz (i32.load8_u (local.get $i)))
                (then
                    (local.set $count (i64.add (local.get $count) (i64.const 1)))
                    (local.set $j (i32.shl (local.get $i) (i32.const 1)))
                    (block $done
                        (loop $strike
                            (br_if $done (i32.ge_u (local.get $j) (local.get $n)))
                            (i32.store8 (local.get $j) (i32.const 1))
                            (local.set $j (i32.add (local.get $j) (local.get $i)))
                            (br $strike)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
        (local.get $count))

    ;; Floats in registers across three loops: the sum of the product of two matrices, as bits. The matrices lie at 0 and
    ;; behind, row by row.
    (func (export "f64 matmul") (param $n i32) (result i64)
        (local $i i32) (local $j i32) (local $k i32)
        (local $a i32) (local $b i32) (local $row i32) (local $size i32)
        (local $dot f64) (local $sum f64)
        (local.set $row (i32.shl (local.get $n) (i32.const 3)))
        (local.set $size (i32.mul (local.get $n) (local.get $row)))
        (loop $fill
            (f64.store (local.get $i)
                (f64.div (f64.convert_i32_u (local.get $i)) (f64.const 3)))
            (f64.store (i32.add (local.get $size) (local.get $i))
                (f64.sub (f64.const 1000) (f64.convert_i32_u (local.get $i))))
            (local.set $i (i32.add (local.get $i) (i32.const 8)))
            (br_if $fill (i32.lt_u (local.get $i) (local.get $size))))
        (local.set $i (i32.const 0))
        (loop $rows
            (local.set $j (i32.const 0))
            (loop $columns
                (local.set $dot (f64.const 0))
                (local.set $a (i32.mul (local.get $i) (local.get $row)))
                (local.set $b (i32.add (local.get $size) (i32.shl (local.get $j) (i32.const 3))))
                (local.set $k (i32.const 0))
                (loop $inner
                    (local.set $dot (f64.add (local.get $dot)
                        (f64.mul (f64.load (local.get $a)) (f64.load (local.get $b)))))
                    (local.set $a (i32.add (local.get $a) (i32.const 8)))
                    (local.set $b (i32.add (local.get $b) (local.get $row)))
                    (local.set $k (i32.add (local.get $k) (i32.const 1)))
                    (br_if $inner (i32.lt_u (local.get $k) (local.get $n))))
                (local.set $sum (f64.add (local.get $sum) (local.get $dot)))
                (local.set $j (i32.add (local.get $j) (i32.const 1)))
                (br_if $columns (i32.lt_u (local.get $j) (local.get $n))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $rows (i32.lt_u (local.get $i) (local.get $n))))
        (i64.reinterpret_f64 (local.get $sum)))

    ;; A loop whose branches cannot be predicted: the steps of all numbers up to $n on their way to 1.
    (func (export "collatz") (param $n i32) (result i64)
        (local $x i64) (local $steps i64)
        (loop $numbers
            (local.set $x (i64.extend_i32_u (local.get $n)))
            (block $one
                (loop $step
                    (br_if $one (i64.le_u (local.get $x) (i64.const 1)))
                    (local.set $steps (i64.add (local.get $steps) (i64.const 1)))
                    (if (i64.eqz (i64.and (local.get $x) (i64.const 1)))
                        (then (local.set $x (i64.shr_u (local.get $x) (i64.const 1))))
                        (else (local.set $x (i64.add
                            (i64.mul (local.get $x) (i64.const 3)) (i64.const 1)))))
                    (br $step)))
            (br_if $numbers (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $steps))

    (func $add (type $op) (i64.add (local.get 0) (local.get 1)))
    (func $xor (type $op) (i64.xor (local.get 0) (local.get 1)))
    (func $mul (type $op) (i64.add (i64.mul (local.get 0) (i64.const 31)) (local.get 1)))
    (func $sub (type $op) (i64.sub (local.get 0) (local.get 1)))

    ;; Calls through a table, to each of four functions for a while.
    (func (export "call_indirect") (param $n i32) (result i64)
        (local $x i64)
        (loop $again
            (local.set $x (call_indirect (type $op)
                (local.get $x) (i64.extend_i32_u (local.get $n))
                (i32.and (i32.shr_u (local.get $n) (i32.const 16)) (i32.const 3))))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $x))

    ;; The same, to each of the four in turn.
    (func (export "alternating calls") (param $n i32) (result i64)
        (local $x i64)
        (loop $again
            (local.set $x (call_indirect (type $op)
                (local.get $x) (i64.extend_i32_u (local.get $n))
                (i32.and (local.get $n) (i32.const 3))))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $x))

    ;; Calls of a leaf in a loop.
    (func (export "direct calls") (param $n i32) (result i64)
        (local $x i64)
        (loop $again
            (local.set $x (call $mul (local.get $x) (i64.extend_i32_u (local.get $n))))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $x)))
