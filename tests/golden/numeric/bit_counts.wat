;;! Counting bits is defined for zero.
;;! has = popcnt .. ctz .. clz
;;! lacks = brif
(module
  (func (param i64) (result i64)
    (i64.clz (i64.ctz (i64.popcnt (local.get 0))))))
