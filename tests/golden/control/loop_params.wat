;;! Parameters of a loop.
;;! has 1 = brif
;;! has 1 = iadd
(module
  (func (param i32) (result i32)
    (i32.const 0)
    (loop (param i32) (result i32)
      (i32.const 1)
      i32.add
      (br_if 0 (local.get 0)))))
