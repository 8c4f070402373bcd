;;! Longer than that, the builtin charges and asks: the count is saved before and loaded after.
;;! config = fuel
;;! has = store notrap aligned @store .. call fn1( .. load.i64 notrap aligned @store
;;! lacks = -2147483648
(module
  (memory 1)
  (func (param i32)
    (memory.fill (local.get 0) (i32.const 0) (i32.const 129))))
