;;! Copying between two memories names both.
;;! has = builtin-MemoryCopy .. call fn0(
(module
  (memory $a 1)
  (memory $b 1)
  (func (param i32)
    (memory.copy $b $a (i32.const 0) (local.get 0) (i32.const 16))))
