;;! The division itself faults, for zero and for overflow.
;;! has = sdiv
;;! lacks = icmp
;;! lacks = brif
(module
  (func (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1))))
