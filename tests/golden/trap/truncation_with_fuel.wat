;;! With fuel the checks are branches as well, and save the count.
;;! config = fuel
;;! has = fcmp.f64 ne .. brif .. fcmp.f64 le .. fcmp.f64 ge .. bor .. brif .. fcvt_to_sint.i64
;;! has 2 = store notrap v
(module
  (func (param f64) (result i64)
    (i64.trunc_f64_s (local.get 0))))
