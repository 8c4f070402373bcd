;;! A global that cannot change and begins as a number is that number.
;;! has = iconst.i32 7 .. f64const
;;! lacks = @globals
(module
  (global i32 (i32.const 7))
  (global f64 (f64.const 0.5))
  (func (result i32 f64)
    (global.get 0)
    (global.get 1)))
