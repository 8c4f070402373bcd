;;! Pages of one byte: the guard begins somewhere behind the length, so that every access is checked.
;;! config = custom-page-sizes
;;! has = load.i64 notrap aligned @bounds .. icmp ugt .. select_spectre_guard .. uload8.i32 little @heap
(module
  (memory 5 (pagesize 1))
  (func (param i32) (result i32)
    (i32.load8_u (local.get 0))))
