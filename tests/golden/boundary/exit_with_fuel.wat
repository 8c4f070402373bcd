;;! The host finds the count in the store and may change it.
;;! config = fuel
;;! show = exit
;;! has = store notrap .. call_indirect .. load.i64 .. return
(module
  (import "" "" (func)))
