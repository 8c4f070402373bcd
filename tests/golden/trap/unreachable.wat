;;! A trap that certainly happens is raised by a call, not by a fault.
;;! has = call fn0() .. trap UnreachableCodeReached
;;! has = raise-UnreachableCodeReached
(module
  (func unreachable))
