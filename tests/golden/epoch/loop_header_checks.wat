;;! Entry and loop header each look; the header inside the loop, so that each round does.
;;! config = epochs
;;! has 2 = icmp ne
;;! has 2 = call fn0()
;;! has 2 = load.i64 notrap aligned v
;;! has = icmp ne .. brif .. icmp ne .. brif .. isub .. brif
(module
  (func (param i32)
    (loop
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
