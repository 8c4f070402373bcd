;;! A comparison has 8 bits in CLIF and 32 in wasm.
;;! has = icmp ult .. uextend.i32
(module
  (func (param i64 i64) (result i32)
    (i64.lt_u (local.get 0) (local.get 1))))
