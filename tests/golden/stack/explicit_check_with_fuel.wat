;;! The stack is checked before anything is charged.
;;! config = no-signals, fuel
;;! has = get_stack_pointer .. icmp ult .. brif .. iadd .. icmp sge
;;! has = cold: .. store.i64 .. call fn0() .. trap stk_ovf
(module
  (func))
