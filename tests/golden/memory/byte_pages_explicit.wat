;;! Pages of one byte without signals.
;;! config = custom-page-sizes, no-signals
;;! has = @bounds .. icmp ugt .. brif .. select_spectre_guard .. load.i32 notrap little @heap
(module
  (memory 5 (pagesize 1))
  (func (param i32) (result i32)
    (i32.load offset=2 (local.get 0))))
