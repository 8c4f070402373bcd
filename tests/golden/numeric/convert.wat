;;! From integers to floats, signed and not.
;;! has = fcvt_from_sint.f64 .. fcvt_from_uint.f64 .. fdemote.f32 .. fpromote.f64
(module
  (func (param i32 i64) (result f64)
    (f64.promote_f32
      (f32.demote_f64
        (f64.sub
          (f64.convert_i32_s (local.get 0))
          (f64.convert_i64_u (local.get 1)))))))
