;;! Between memories of both kinds, the length is of the smaller.
;;! has = uextend.i64 .. uextend.i64 .. call fn0(
(module
  (memory $a i64 1)
  (memory $b 1)
  (func (param i64 i32)
    (memory.copy $a $b (local.get 0) (local.get 1) (local.get 1))))
