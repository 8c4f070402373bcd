;;! The size in pages is the length, shifted.
;;! has = load.i64 notrap aligned @bounds .. ushr .. ireduce.i32
;;! lacks = call
(module
  (memory 1)
  (func (result i32)
    memory.size))
