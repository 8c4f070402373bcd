;;! The size of a memory that cannot grow is a constant.
;;! has = iconst.i64 0x0003_0000
;;! lacks = @bounds
(module
  (memory 3 3)
  (func (result i32)
    memory.size))
