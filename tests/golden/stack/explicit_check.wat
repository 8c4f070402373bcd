;;! Without signals the function compares first of all and raises; the prologue does not.
;;! config = no-signals
;;! has = @store .. get_stack_pointer .. icmp ult .. brif
;;! has = call fn0() .. trap stk_ovf
;;! lacks = stack_limit
;;! has = raise-StackOverflow
(module
  (func))
