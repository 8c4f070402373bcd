;;! An offset beyond the largest memory traps always.
;;! has = call fn0() .. trap heap_oob
;;! lacks = @heap
(module
  (memory i64 1 2)
  (func (param i64) (result i32)
    (i32.load offset=0xffffffffffffffff (local.get 0))))
