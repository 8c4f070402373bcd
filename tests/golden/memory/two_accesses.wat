;;! Two accesses at one index are checked each for itself; optimisation merges what is equal.
;;! config = memory-reservation=0, guard=65536
;;! has 2 = select_spectre_guard
;;! has 2 = icmp ugt
(module
  (memory 1)
  (func (param i32)
    (i32.store (local.get 0) (i32.load offset=4 (local.get 0)))))
