;;! The count goes with the call and comes back first; the caller does not ask, the callee has.
;;! config = fuel
;;! has 2 = icmp sge
;;! lacks = @store
(module
  (func $f (param i32) (result i32)
    (local.get 0))
  (func (param i32) (result i32)
    (call $f (local.get 0))))
