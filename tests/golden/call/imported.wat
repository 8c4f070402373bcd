;;! An imported function is reached by three loads of what never changes.
;;! has = readonly can_move .. readonly can_move .. readonly can_move .. call_indirect
(module
  (import "" "" (func $f (param i32) (result i32)))
  (func (param i32) (result i32)
    (call $f (local.get 0))))
