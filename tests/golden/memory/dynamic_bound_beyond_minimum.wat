;;! The access ends beyond the smallest size: the end is added to the index, 33 bits at most.
;;! config = memory-reservation=0, guard=0
;;! has = iadd .. icmp ugt .. select_spectre_guard .. load.i32 little @heap
;;! has 1 = icmp
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=0x10000 (local.get 0))))
