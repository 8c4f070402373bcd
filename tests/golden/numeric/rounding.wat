;;! All four ways to round.
;;! has = ceil .. floor .. trunc .. nearest
;;! lacks = call
(module
  (func (param f64) (result f64)
    (f64.nearest (f64.trunc (f64.floor (f64.ceil (local.get 0)))))))
