;;! Saturates without a check, even where traps are branches.
;;! config = fuel, no-signals
;;! has = fcvt_to_uint_sat.i64
;;! lacks = fcmp
;;! lacks = IntegerOverflow
(module
  (func (param f32) (result i64)
    (i64.trunc_sat_f32_u (local.get 0))))
