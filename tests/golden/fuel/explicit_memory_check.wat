;;! Without signals an access raises with the count in the frame, and is not marked.
;;! config = fuel, no-signals
;;! has = icmp ugt .. brif .. cold: .. stack_addr .. call fn2() .. trap heap_oob .. select_spectre_guard .. load.i32 notrap little @heap
;;! lacks = #0
;;! has = raise-MemoryOutOfBounds
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load (local.get 0))))
