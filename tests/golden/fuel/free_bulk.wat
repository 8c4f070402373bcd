;;! Bytes that cost nothing: a short length is charged nothing, only its operators.
;;! config = fuel, free-bulk
;;! has = iconst.i32 -2147483648 .. store notrap aligned @store .. call fn1(
;;! lacks = iconst.i64 128
(module
  (memory 1)
  (func (param i32)
    (memory.fill (local.get 0) (i32.const 0) (i32.const 128))))
