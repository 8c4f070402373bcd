;;! With fuel the type check raises, so that the count is saved; the faults find it by themselves.
;;! config = fuel
;;! has = TableOutOfBounds#0 .. IndirectCallToNull .. icmp ne .. brif
;;! lacks = trapnz
;;! has = raise-BadSignature
(module
  (type $t (func (param i32) (result i32)))
  (table 1 9 funcref)
  (func (param i32) (result i32)
    (call_indirect (type $t) (local.get 0) (i32.const 1))))
