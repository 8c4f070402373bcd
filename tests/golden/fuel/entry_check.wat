;;! The count comes as a parameter, being entered costs one, and then the function asks whether any is left.
;;! config = fuel
;;! has = function u0:0(i64 vmctx, i64, i64) -> i64 tail
;;! has = iadd .. icmp sge .. brif
;;! has 1 = icmp sge
;;! has = builtin-OutOfFuel
(module
  (func))
