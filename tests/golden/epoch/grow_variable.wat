;;! Growing by an unknown delta is a place to stop at.
;;! config = epochs
;;! has 2 = icmp ne
;;! has = icmp ne .. icmp ne .. call fn1(
(module
  (memory 1)
  (func (param i32) (result i32)
    (memory.grow (local.get 0))))
