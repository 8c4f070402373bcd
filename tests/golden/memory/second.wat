;;! Each memory has its own base.
;;! has = load.i32 little @heap .. store little @heap
(module
  (memory $a 1)
  (memory $b 1)
  (func (param i32)
    (i32.store $b (local.get 0) (i32.load $a (local.get 0)))))
