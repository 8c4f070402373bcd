;;! Accesses to tables are marked like those to memories.
;;! config = fuel
;;! has = TableOutOfBounds#0 .. TableOutOfBounds#1
;;! has 2 = select_spectre_guard
(module
  (table 1 9 funcref)
  (func (param i32) (result funcref funcref)
    (table.get (local.get 0))
    (table.get (i32.const 1))))
