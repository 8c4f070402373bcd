;;! A store of an element is checked like a load.
;;! has = icmp uge .. select_spectre_guard .. store TableOutOfBounds aligned @elements
(module
  (table 1 9 externref)
  (func (param i32 externref)
    (table.set (local.get 0) (local.get 1))))
