;;! One instruction; the module has no check and no call.
;;! has = iadd .. return
;;! lacks = brif
;;! lacks = call
(module
  (func (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))
