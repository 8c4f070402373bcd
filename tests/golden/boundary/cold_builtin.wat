;;! A cold builtin preserves all registers, and reaches the host by one word behind the code.
;;! config = epochs
;;! show = builtin
;;! has = preserve_all .. host-word .. func_addr .. get_frame_pointer .. get_return_address .. call_indirect .. icmp eq .. brif
(module
  (func))
