;;! Filling is a builtin, which checks the bounds.
;;! has = builtin-MemoryFill .. call fn0(
(module
  (memory 1)
  (func (param i32 i32)
    (memory.fill (local.get 0) (i32.const 0) (local.get 1))))
