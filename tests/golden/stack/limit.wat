;;! With signals the prologue compares with the limit of the running stack, two loads away.
;;! has = readonly can_move gv0 .. stack_limit = gv2
;;! lacks = get_stack_pointer
(module
  (func))
