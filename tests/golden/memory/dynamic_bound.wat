;;! A memory that may move, without a guard: the end of the access against the length.
;;! config = memory-reservation=0, guard=0
;;! has = load.i64 notrap aligned @bounds .. isub .. icmp ugt .. select_spectre_guard .. load.i32 little @heap
;;! has 1 = icmp
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=16 (local.get 0))))
