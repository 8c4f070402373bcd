;;! Bits change their type and nothing else.
;;! has = bitcast.i32 .. bitcast.f64
(module
  (func (param f32) (result f64)
    (f64.reinterpret_i64 (i64.extend_i32_u (i32.reinterpret_f32 (local.get 0))))))
