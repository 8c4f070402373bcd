;;! The number of elements is the length.
;;! has = load.i64 notrap aligned @bounds .. ireduce.i32
(module
  (table 1 9 funcref)
  (func (result i32)
    table.size))
