;;! The conversion itself faults, for NaN and for what is too large.
;;! has = fcvt_to_sint.i32
;;! lacks = fcmp
(module
  (func (param f64) (result i32)
    (i32.trunc_f64_s (local.get 0))))
