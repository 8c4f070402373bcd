;;! The missing arm passes the parameters on.
;;! has 1 = brif
;;! has 1 = imul
(module
  (func (param i32) (result i32)
    (i32.const 7)
    (if (param i32) (result i32) (local.get 0)
      (then (i32.const 2) i32.mul))))
