;;! The cold side puts the count into the frame, calls without arguments and takes the count back.
;;! config = fuel
;;! has = cold: .. stack_addr .. store.i64 .. call fn0() .. stack_addr .. load.i64 .. jump
;;! has = preserve_all
(module
  (func (param i32) (result i32)
    (local.get 0)))
