;;! What was spent is in the frame before the trap is raised.
;;! config = fuel
;;! has = stack_addr .. store notrap v .. call fn1() .. trap UnreachableCodeReached
(module
  (func unreachable))
