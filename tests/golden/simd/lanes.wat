;;! A vector is an i8x16; operators on the same lanes follow each other without going through that.
;;! has = bitcast.f32x4 little v2 .. fneg .. sqrt
;;! has 1 = bitcast.f32x4
(module
  (func (param v128) (result v128)
    (f32x4.sqrt (f32x4.neg (local.get 0)))))
