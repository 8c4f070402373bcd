;;! Without signals the check is a branch, and the address is guarded all the same.
;;! config = no-signals
;;! has = icmp uge .. brif .. select_spectre_guard .. load.i64 notrap aligned @elements
;;! has = raise-TableOutOfBounds
(module
  (table 1 9 externref)
  (func (param i32) (result externref)
    (table.get (local.get 0))))
