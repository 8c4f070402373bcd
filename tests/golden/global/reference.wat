;;! A reference in a global: a pointer to a function, a handle of 32 bits to a host value.
;;! has = load.i64 notrap aligned @globals .. load.i32 notrap aligned @globals
(module
  (global $f (mut funcref) (ref.null func))
  (global $e (mut externref) (ref.null extern))
  (func (result funcref externref)
    (global.get $f)
    (global.get $e)))
