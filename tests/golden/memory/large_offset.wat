;;! An offset that no instruction can carry is added; the guard no longer holds it, so there is a check.
;;! has = icmp ugt .. select_spectre_guard .. load.i32 little @heap
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=0x80000000 (local.get 0))))
