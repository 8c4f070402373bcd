;;! A function of the same module has the same context.
;;! has = colocated func-0 .. call fn0(v0, v0, v2)
(module
  (func $f (param i32) (result i32)
    (local.get 0))
  (func (param i32) (result i32)
    (call $f (local.get 0))))
