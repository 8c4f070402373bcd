;;! Results that do not fit registers are the code generator's to place.
;;! has = -> i32, i64, f32, f64, i32, i64 tail .. call fn0(
(module
  (func $f (result i32 i64 f32 f64 i32 i64)
    unreachable)
  (func (result i32 i64)
    (call $f)
    drop
    drop
    drop
    drop))
