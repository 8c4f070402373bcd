;;! Each arm is charged for itself.
;;! config = fuel
;;! has 1 = icmp sge
(module
  (func (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.mul (local.get 0) (i32.const 3)))
      (else (i32.const 2)))))
