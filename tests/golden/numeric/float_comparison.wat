;;! `ne` holds for NaN, `le` does not.
;;! has = fcmp ne .. fcmp le
(module
  (func (param f64 f64) (result i32)
    (i32.and
      (f64.ne (local.get 0) (local.get 1))
      (f64.le (local.get 0) (local.get 1)))))
