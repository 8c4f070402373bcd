;;! Vectors fill their slots.
;;! show = enter
;;! has = load.i8x16 notrap aligned little .. store notrap aligned little
(module
  (func (export "f") (param v128) (result v128)
    (local.get 0)))
