;;! Bounds, null and type are checked; code and context are loaded behind these checks and cannot move.
;;! has = icmp uge .. select_spectre_guard .. load.i64 TableOutOfBounds aligned @elements .. load.i32 IndirectCallToNull aligned readonly .. icmp ne .. trapnz .. BadSignature .. load.i64 notrap aligned readonly v .. load.i64 notrap aligned readonly v .. call_indirect
(module
  (type $t (func (param i32) (result i32)))
  (table 1 9 funcref)
  (func (param i32) (result i32)
    (call_indirect (type $t) (local.get 0) (i32.const 1))))
