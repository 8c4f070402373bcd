;;! A division raises by a branch, with the count in the frame.
;;! config = fuel
;;! has = icmp.i32 eq .. brif .. udiv
;;! has = stack_addr .. store notrap v .. call fn1() .. trap int_divz
;;! has = raise-IntegerDivisionByZero
(module
  (func (param i32 i32) (result i32)
    (i32.div_u (local.get 0) (local.get 1))))
