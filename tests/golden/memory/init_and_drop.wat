;;! Passive data.
;;! has = builtin-MemoryInit
;;! has = builtin-DataDrop
(module
  (memory 1)
  (data $d "abc")
  (func (param i32)
    (memory.init $d (local.get 0) (i32.const 1) (i32.const 2))
    (data.drop $d)))
