;;! Without signals a store is checked before it happens.
;;! config = no-signals
;;! has = icmp ugt .. brif .. select_spectre_guard .. istore8.i32 notrap little @heap
(module
  (memory 1)
  (func (param i32 i32)
    (i32.store8 (local.get 0) (local.get 1))))
