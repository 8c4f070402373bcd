;;! Constants keep their bits, those of a NaN too.
;;! has = iconst.i32 -1 .. iconst.i64 -2 .. f32const +sNaN:0x200001 .. f64const -0.0
(module
  (func (result i32 i64 f32 f64)
    (i32.const -1)
    (i64.const -2)
    (f32.const nan:0x200001)
    (f64.const -0)))
