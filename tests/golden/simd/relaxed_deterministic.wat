;;! Relaxed operators are the plain ones, and multiplications with addition are rounded once.
;;! config = deterministic
;;! has = swizzle .. fma
;;! lacks = x86
(module
  (func (param v128 v128) (result v128)
    (f32x4.relaxed_madd
      (i8x16.relaxed_swizzle (local.get 0) (local.get 1)) (local.get 0) (local.get 1))))
