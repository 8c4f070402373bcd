;;! Growing by a constant is not.
;;! config = fuel
;;! has 1 = icmp sge
;;! has = store notrap aligned @store .. call fn1(
(module
  (memory 1)
  (func (result i32)
    (memory.grow (i32.const 1))))
