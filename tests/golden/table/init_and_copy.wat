;;! Passive elements, and copies between tables.
;;! has = builtin-TableInit
;;! has = builtin-ElemDrop
;;! has = builtin-TableCopy
(module
  (table $a 1 9 funcref)
  (table $b 1 9 funcref)
  (elem $e func 0)
  (func (param i32)
    (table.init $a $e (local.get 0) (i32.const 0) (i32.const 1))
    (elem.drop $e)
    (table.copy $a $b (local.get 0) (local.get 0) (local.get 0))))
