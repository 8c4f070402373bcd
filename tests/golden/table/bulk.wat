;;! Growing and filling are builtins, which check the bounds.
;;! has = builtin-TableFill
;;! has = builtin-TableGrow
(module
  (table 1 9 funcref)
  (func (param i32) (result i32)
    (table.fill (local.get 0) (ref.null func) (local.get 0))
    (table.grow (ref.null func) (local.get 0))))
