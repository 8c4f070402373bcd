;;! What differs between two ways to a label is added on one of them.
;;! config = fuel
;;! has 1 = icmp sge
;;! has = brif .. imul
(module
  (func (param i32) (result i32)
    (block
      (br_if 0 (local.get 0))
      (local.set 0 (i32.mul (local.get 0) (i32.const 3))))
    (local.get 0)))
