;;! Without signals the check is a branch that raises, and the address is guarded against speculation all the same.
;;! config = no-signals
;;! has = icmp ugt .. brif .. select_spectre_guard .. load.i32 notrap little @heap
;;! has = call fn1() .. trap heap_oob
;;! has = raise-MemoryOutOfBounds
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=16 (local.get 0))))
