;;! Growing is a builtin.
;;! has = builtin-MemoryGrow .. uextend.i64 .. call fn0( .. ireduce.i32
(module
  (memory 1)
  (func (param i32) (result i32)
    (memory.grow (local.get 0))))
