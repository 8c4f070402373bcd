;;! A length that is not constant is the builtin's to charge.
;;! config = fuel
;;! has = store notrap aligned @store .. call fn1( .. load.i64 notrap aligned @store
;;! lacks = -2147483648
(module
  (memory 1)
  (func (param i32)
    (memory.copy (i32.const 0) (i32.const 1) (local.get 0))))
