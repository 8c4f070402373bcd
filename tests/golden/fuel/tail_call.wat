;;! A tail call passes the count on and returns nothing itself.
;;! config = fuel
;;! has = return_call fn
;;! has 2 = icmp sge
(module
  (func $f)
  (func (return_call $f)))
