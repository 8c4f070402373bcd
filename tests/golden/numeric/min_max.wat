;;! Minimum and maximum are single instructions, which know NaN and the sign of zero.
;;! has = fmax .. fmin
;;! lacks = brif
(module
  (func (param f32 f32) (result f32)
    (f32.min (local.get 0) (f32.max (local.get 0) (local.get 1)))))
