;;! An imported memory is one indirection away, which is constant.
;;! has = readonly can_move .. readonly can_move .. load.i32 little @heap
(module
  (import "" "" (memory 1))
  (func (param i32) (result i32)
    (i32.load (local.get 0))))
