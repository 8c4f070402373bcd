;;! Null is zero.
;;! has = icmp eq .. iconst.i64 0
(module
  (func (param externref) (result i32 funcref)
    (ref.is_null (local.get 0))
    (ref.null func)))
