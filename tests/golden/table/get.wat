;;! Out of bounds the address becomes null, which faults; handles of host values have 32 bits.
;;! has = @bounds .. icmp uge .. select_spectre_guard .. load.i64 TableOutOfBounds aligned @elements .. ireduce.i32
(module
  (table 1 9 externref)
  (func (param i32) (result externref)
    (table.get (local.get 0))))
