;;! Sizes and deltas have 64 bits and are not converted.
;;! has = builtin-MemoryGrow
;;! lacks = uextend
;;! lacks = ireduce
(module
  (memory i64 1)
  (func (param i64) (result i64)
    (i64.add (memory.size) (memory.grow (local.get 0)))))
