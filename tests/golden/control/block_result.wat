;;! A block with a result: the branch and the end meet in a parameter.
;;! has = brif
(module
  (func (param i32) (result i32)
    (block (result i32)
      (br_if 0 (i32.const 1) (local.get 0))
      drop
      (i32.const 2))))
