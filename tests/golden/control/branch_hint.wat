;;! The branch-hinting section makes the unlikely arm cold.
;;! config = branch-hints
;;! has = cold:
(module
  (func (param i32) (result i32)
    (@metadata.code.branch_hint "\00")
    (if (local.get 0)
      (then (return (i32.const 1))))
    (i32.const 2)))
