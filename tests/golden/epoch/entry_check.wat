;;! The function looks at the alarm, whose address never changes; its cold side has no arguments.
;;! config = epochs
;;! has = load.i64 notrap aligned readonly can_move .. load.i64 notrap aligned v .. icmp ne .. brif .. cold: .. call fn0()
;;! has 1 = icmp ne
;;! has = builtin-NewEpoch
(module
  (func))
