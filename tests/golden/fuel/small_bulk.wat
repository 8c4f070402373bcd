;;! A short constant length is charged here, and the builtin is told so; the count is saved, since it may trap.
;;! config = fuel
;;! has = iconst.i32 -2147483648 .. iconst.i64 128 .. store notrap aligned @store .. call fn1(
;;! lacks = load.i64 notrap aligned @store
(module
  (memory 1)
  (func (param i32)
    (memory.fill (local.get 0) (i32.const 0) (i32.const 128))))
