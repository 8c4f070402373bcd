;;! Without a guard, inside the smallest size: subtracting from the length cannot wrap.
;;! config = guard=0
;;! has = @bounds .. isub .. icmp ugt .. select_spectre_guard .. load.i32 little @heap
;;! has 1 = icmp
(module
  (memory i64 1)
  (func (param i64) (result i32)
    (i32.load offset=16 (local.get 0))))
