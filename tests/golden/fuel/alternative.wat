;;! An `if` without `else` charges its missing arm as well.
;;! config = fuel
;;! has 1 = icmp sge
;;! has 1 = imul
(module
  (func (param i32)
    (if (local.get 0)
      (then (local.set 0 (i32.mul (local.get 0) (i32.const 3)))))))
