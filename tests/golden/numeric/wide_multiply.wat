;;! The product of two 64-bit numbers in two halves.
;;! config = wide-arithmetic
;;! has = imul
;;! lacks = call
(module
  (func (param i64 i64) (result i64 i64)
    (i64.mul_wide_u (local.get 0) (local.get 1))))
