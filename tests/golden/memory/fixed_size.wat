;;! The smallest size is the largest: its length is a constant.
;;! config = no-signals
;;! has = iconst.i64 0x0002_0000 .. icmp ugt .. brif
;;! lacks = @bounds
(module
  (memory 2 2)
  (func (param i32) (result i32)
    (i32.load (local.get 0))))
