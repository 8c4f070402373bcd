;;! With both, fuel is asked first; the cold side of the epoch carries the count too.
;;! config = fuel, epochs
;;! has = icmp sge .. icmp ne .. icmp sge .. icmp ne
;;! has 4 = store.i64 notrap v
;;! has 2 = call fn0()
;;! has 2 = call fn1()
(module
  (func (param i32)
    (loop
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
