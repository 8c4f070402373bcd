;;! The range of a single is checked as a double, which holds all limits.
;;! config = no-signals
;;! has = fpromote.f64 .. fcmp ne .. brif .. fcmp.f64 le .. fcmp.f64 ge .. bor .. brif .. fcvt_to_uint.i64
(module
  (func (param f32) (result i64)
    (i64.trunc_f32_u (local.get 0))))
