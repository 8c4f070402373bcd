;;! Beyond the smallest size the end may wrap, which is checked too.
;;! config = guard=0
;;! has = iadd .. icmp ugt .. icmp ult .. bor .. select_spectre_guard .. load.i32 little @heap
(module
  (memory i64 1)
  (func (param i64) (result i32)
    (i32.load offset=0x10000 (local.get 0))))
