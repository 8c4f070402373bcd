;;! Narrow, then extend.
;;! has = ireduce.i16 .. sextend.i64
(module
  (func (param i64) (result i64)
    (i64.extend16_s (local.get 0))))
