;;! Growing by an unknown delta is a place to stop at, asked before the call.
;;! config = fuel
;;! has 2 = icmp sge
;;! has = icmp sge .. icmp sge .. store notrap aligned @store .. call fn1(
(module
  (memory 1)
  (func (param i32) (result i32)
    (memory.grow (local.get 0))))
