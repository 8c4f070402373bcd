;;! The host enters: parameters come from slots, results go back, a raised trap gives zero.
;;! show = enter
;;! has = load.i32 .. load.f64 .. try_call_indirect .. store notrap aligned little .. iconst.i8 1 .. return .. iconst.i8 0 .. return
(module
  (func (export "f") (param i32 f64) (result i64)
    unreachable))
