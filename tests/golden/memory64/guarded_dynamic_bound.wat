;;! A 64-bit index is never covered by a reservation: it is compared with the length, and the guard holds the rest.
;;! has = load.i64 notrap aligned @bounds .. icmp ugt .. select_spectre_guard .. load.i32 little @heap
;;! lacks = uextend
(module
  (memory i64 1)
  (func (param i64) (result i32)
    (i32.load offset=16 (local.get 0))))
