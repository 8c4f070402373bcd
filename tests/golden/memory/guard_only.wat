;;! The reservation and its guard hold every 32-bit index: the access faults by itself.
;;! has = load.i32 little @heap
;;! lacks = select_spectre_guard
;;! lacks = icmp
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=16 (local.get 0))))
