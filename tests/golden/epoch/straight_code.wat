;;! Where there is no loop, the entry alone looks.
;;! config = epochs
;;! has 2 = icmp ne
;;! has 2 = builtin-NewEpoch
(module
  (func $f (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 3)))
  (func (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (call $f (local.get 0)))
      (else (i32.const 2)))))
