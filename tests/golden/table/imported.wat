;;! An imported table is one indirection away; a size that is fixed is so by its type.
;;! has = iconst.i64 4 .. icmp uge .. select_spectre_guard .. load.i64 TableOutOfBounds aligned @elements
(module
  (import "" "" (table 4 4 funcref))
  (func (param i32) (result funcref)
    (table.get (local.get 0))))
