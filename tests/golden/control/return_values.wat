;;! Several results, from `return` and from the end.
;;! has = -> i32, i64 tail
(module
  (func (param i32) (result i32 i64)
    (if (local.get 0)
      (then (return (i32.const 1) (i64.const 2))))
    (i32.const 3)
    (i64.const 4)))
