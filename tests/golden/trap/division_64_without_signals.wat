;;! The smallest dividend of 64 bits.
;;! config = no-signals
;;! has = icmp.i64 eq .. brif .. icmp.i64 eq .. iconst.i64 -9223372036854775808 .. icmp.i64 eq .. band .. brif .. sdiv
(module
  (func (param i64 i64) (result i64)
    (i64.div_s (local.get 0) (local.get 1))))
