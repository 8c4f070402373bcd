;;! A memory that never moves has a constant bound, for 64-bit indices as well.
;;! has = icmp ugt .. select_spectre_guard .. load.i32 little @heap
;;! lacks = @bounds
(module
  (memory i64 1 2)
  (func (param i64) (result i32)
    (i32.load offset=16 (local.get 0))))
