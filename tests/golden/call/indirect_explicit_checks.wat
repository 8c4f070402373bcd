;;! Without signals all three checks are branches that raise.
;;! config = no-signals
;;! has = icmp uge .. brif .. select_spectre_guard .. icmp eq .. brif .. icmp ne .. brif .. call_indirect
;;! has = raise-TableOutOfBounds .. raise-IndirectCallToNull .. raise-BadSignature
(module
  (type $t (func (param i32) (result i32)))
  (table 1 9 funcref)
  (func (param i32) (result i32)
    (call_indirect (type $t) (local.get 0) (i32.const 1))))
