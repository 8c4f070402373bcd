;;! Entry and loop header each ask; the header inside the loop, so that each round does.
;;! config = fuel
;;! has 2 = icmp sge
;;! has 2 = call fn0()
;;! has = icmp sge .. brif .. icmp sge .. brif .. isub .. brif
(module
  (func (param i32)
    (loop
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
