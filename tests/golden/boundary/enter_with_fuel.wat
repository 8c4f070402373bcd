;;! The count is loaded from the store and stored back when the function returns.
;;! config = fuel
;;! show = enter
;;! has = load.i64 .. try_call_indirect .. store notrap aligned .. iconst.i8 1
(module
  (func (export "f")))
