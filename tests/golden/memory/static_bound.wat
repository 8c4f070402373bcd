;;! A memory that never moves, smaller than the index: against a constant, then a guarded address.
;;! config = memory-reservation=1048576, guard=65536, no-move
;;! has = icmp ugt .. select_spectre_guard .. load.i32 little @heap
;;! has 1 = icmp
;;! lacks = @bounds
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=16 (local.get 0))))
