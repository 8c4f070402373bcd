;;! Locals are values: reading and writing them leaves nothing, those never written are zero.
;;! has = iconst.i64 0 .. return
;;! has 2 = load
;;! lacks = store
(module
  (func (param i32) (result i64) (local i64)
    (local.set 0 (i32.const 3))
    (local.set 0 (local.get 0))
    (local.get 1)))
