;;! A warm builtin: the place is recorded, and -2 is raised.
;;! show = builtin
;;! has = get_frame_pointer .. get_return_address .. call_indirect .. icmp ne .. brif
(module
  (memory 1)
  (func (param i32) (result i32)
    (memory.grow (local.get 0))))
