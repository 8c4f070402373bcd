;;! Operators in a row are charged together, in the end.
;;! config = fuel
;;! has 1 = icmp sge
;;! has = imul .. iadd
(module
  (func (param i32) (result i32)
    (i32.add (i32.mul (local.get 0) (local.get 0)) (i32.const 3))))
