;;! Vectors pass along branches, and start as zeros.
;;! has = vconst.i8x16 .. i8x16)
(module
  (func (param i32) (result v128) (local v128)
    (block (result v128)
      (br_if 0 (local.get 1) (local.get 0))
      (v128.not))))
