;;! The back edge goes to the header, which takes what changes as parameters.
;;! has 1 = brif
;;! lacks = call
(module
  (func (param i32)
    (loop
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
