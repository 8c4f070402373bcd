;;! Every loop has its check.
;;! config = fuel
;;! has 3 = icmp sge
;;! has 3 = call fn0()
(module
  (func (param i32)
    (loop
      (loop
        (br_if 0 (local.get 0)))
      (br_if 0 (local.get 0)))))
