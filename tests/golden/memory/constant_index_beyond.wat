;;! A constant index just outside of the smallest size is checked.
;;! config = memory-reservation=0, guard=0
;;! has = icmp ugt .. select_spectre_guard .. load.i32 little @heap
(module
  (memory 1)
  (func (result i32)
    (i32.load offset=4 (i32.const 65529))))
