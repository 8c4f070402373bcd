;;! From 64 bits to 32 and back, with and without sign.
;;! has = ireduce.i32 .. sextend.i64 .. uextend.i64
(module
  (func (param i64) (result i64)
    (i64.add
      (i64.extend_i32_s (i32.wrap_i64 (local.get 0)))
      (i64.extend_i32_u (i32.wrap_i64 (local.get 0))))))
