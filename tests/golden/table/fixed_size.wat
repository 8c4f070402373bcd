;;! The length of a table that cannot grow is a constant.
;;! has = iconst.i64 4 .. icmp uge .. select_spectre_guard .. TableOutOfBounds
;;! lacks = @bounds
;;! lacks = ireduce
(module
  (table 4 4 funcref)
  (func (param i32) (result funcref)
    (table.get (local.get 0))))
