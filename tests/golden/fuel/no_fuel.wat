;;! Without fuel there is no count, no slot and no check.
;;! lacks = call
;;! lacks = icmp sge
;;! lacks = explicit_slot
;;! has = function u0:0(i64 vmctx, i64, i32) tail
(module
  (func (param i32)
    (loop
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
