;;! NaN and both ends of the range are checked, at the neighbours of the range.
;;! config = no-signals
;;! has = fcmp.f64 ne .. brif .. fcmp.f64 le .. fcmp.f64 ge .. bor .. brif .. fcvt_to_sint.i32
;;! has = raise-BadConversionToInteger .. raise-IntegerOverflow
(module
  (func (param f64) (result i32)
    (i32.trunc_f64_s (local.get 0))))
