;;! Accesses that fault are told apart, so that the count is found for each.
;;! config = fuel
;;! has = MemoryOutOfBounds#0 .. MemoryOutOfBounds#1
;;! lacks = heap_oob
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.add
      (i32.load (local.get 0))
      (i32.load offset=4 (local.get 0)))))
