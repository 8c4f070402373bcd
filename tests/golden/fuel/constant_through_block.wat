;;! A constant length is one still when it has passed through a block.
;;! config = fuel
;;! has = iconst.i32 -2147483648 .. store notrap aligned @store .. call fn1(
;;! lacks = load.i64 notrap aligned @store
(module
  (memory 1)
  (func
    (memory.fill (i32.const 0) (i32.const 0)
      (block (result i32) (i32.const 5)))))
