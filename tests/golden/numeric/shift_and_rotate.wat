;;! Shifts and rotations take the distance modulo the width, in CLIF as in wasm: no mask.
;;! has = sshr .. ishl .. rotr
;;! lacks = band
(module
  (func (param i32 i32) (result i32)
    (i32.rotr
      (i32.shr_s (local.get 0) (local.get 1))
      (i32.shl (local.get 0) (local.get 1)))))
