;;! Wasm leaves to the host: where it left is recorded, and what the shim could not do is raised.
;;! show = exit
;;! has = get_frame_pointer .. store notrap .. get_return_address .. store notrap .. call_indirect .. brif .. load.f32 .. return
;;! has = cold: .. call_indirect
(module
  (import "" "" (func (param i32 i64) (result f32))))
