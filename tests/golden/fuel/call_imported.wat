;;! A host function gets the count as a parameter too.
;;! config = fuel
;;! has = (i64, i64, i64) -> i64 tail
;;! lacks = @store
(module
  (import "" "" (func $f))
  (func (call $f)))
