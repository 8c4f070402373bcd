;;! The table64 part of memory64: the index is not extended.
;;! has = icmp uge .. select_spectre_guard .. load.i64 TableOutOfBounds
;;! lacks = uextend
(module
  (table i64 1 9 funcref)
  (func (param i64) (result funcref)
    (table.get (local.get 0))))
