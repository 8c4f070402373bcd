;;! The whole vector must lie before the end of its memory: sixteen bytes from the largest index.
;;! config = memory-reservation=0, guard=0
;;! has = iconst.i64 16 .. icmp ugt .. select_spectre_guard .. load.i8x16 little @heap
(module
  (memory 0)
  (func (param i32) (result v128)
    (v128.load (local.get 0))))
