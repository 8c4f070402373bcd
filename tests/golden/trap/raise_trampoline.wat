;;! Raising: the cold entry gets frame and return address, and the handler is left to.
;;! show = raise
;;! has = host-word .. get_frame_pointer .. get_return_address .. call_indirect .. call_indirect .. trap UnreachableCodeReached
(module
  (func unreachable))
