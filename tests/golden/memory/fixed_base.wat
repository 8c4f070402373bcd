;;! The base of a memory that never moves is a constant of the instance.
;;! has = load.i64 notrap aligned readonly can_move .. load.i32 little @heap
;;! lacks = @bounds
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load (local.get 0))))
