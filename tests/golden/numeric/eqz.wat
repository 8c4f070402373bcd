;;! Comparing with zero.
;;! has = icmp eq .. uextend.i32
(module
  (func (param i64) (result i32)
    (i64.eqz (local.get 0))))
