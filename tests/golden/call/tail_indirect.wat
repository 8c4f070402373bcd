;;! An indirect tail call has all the checks of a call.
;;! has = icmp uge .. select_spectre_guard .. IndirectCallToNull .. icmp ne .. trapnz .. BadSignature .. return_call_indirect
(module
  (type $t (func (param i32) (result i32)))
  (table 1 9 funcref)
  (func (param i32) (result i32)
    (return_call_indirect (type $t) (local.get 0) (i32.const 1))))
