;;! Both ways to trap are branches before a signed division.
;;! config = no-signals
;;! has = icmp.i32 eq .. brif .. icmp.i32 eq .. icmp.i32 eq .. band .. brif .. sdiv
;;! has = raise-IntegerDivisionByZero .. raise-IntegerOverflow
(module
  (func (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1))))
