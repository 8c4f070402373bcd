;;! A remainder traps for zero only.
;;! config = no-signals
;;! has = icmp.i32 eq .. brif .. srem
;;! has = raise-IntegerDivisionByZero
;;! lacks = IntegerOverflow
(module
  (func (param i32 i32) (result i32)
    (i32.rem_s (local.get 0) (local.get 1))))
