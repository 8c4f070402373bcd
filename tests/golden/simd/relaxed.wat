;;! Relaxed operators are instructions of the machine.
;;! has = x86_pshufb .. x86_cvtt2dq
(module
  (func (param v128 v128) (result v128)
    (i32x4.relaxed_trunc_f32x4_s (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))))
