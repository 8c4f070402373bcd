;;! An imported global that cannot change.
;;! has = readonly can_move .. load.f64 notrap aligned readonly can_move
(module
  (import "" "" (global f64))
  (func (result f64)
    (global.get 0)))
