;;! Without signals the check is a branch.
;;! config = no-signals
;;! has = icmp.i64 ugt .. brif .. select_spectre_guard .. load.i32 notrap little @heap
;;! has = raise-MemoryOutOfBounds
(module
  (memory i64 1)
  (func (param i64) (result i32)
    (i32.load offset=16 (local.get 0))))
