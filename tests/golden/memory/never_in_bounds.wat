;;! An access that ends beyond the largest size raises; what follows cannot be reached.
;;! has = call fn0() .. trap heap_oob
;;! lacks = @heap
;;! has = raise-MemoryOutOfBounds
(module
  (memory 1 1)
  (func (param i32) (result i32)
    (i32.load offset=0x10000 (local.get 0))))
