;;! A memory that may move, with a guard: the index alone against the length.
;;! config = memory-reservation=0, guard=65536
;;! has = load.i64 notrap aligned @bounds .. icmp ugt .. select_spectre_guard .. load.i32 little @heap
;;! has 1 = icmp
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=16 (local.get 0))))
