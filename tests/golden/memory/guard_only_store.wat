;;! A store is checked like a load.
;;! has = store little @heap
;;! lacks = icmp
(module
  (memory 1)
  (func (param i32 i64)
    (i64.store offset=8 (local.get 0) (local.get 1))))
