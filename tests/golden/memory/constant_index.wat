;;! A constant index inside the smallest size needs no check under any settings.
;;! config = no-signals, memory-reservation=0, guard=0
;;! has = load.i32 notrap little @heap
;;! lacks = select_spectre_guard
;;! lacks = raise-MemoryOutOfBounds
(module
  (memory 1)
  (func (result i32)
    (i32.load offset=4 (i32.const 65528))))
