;;! A global that cannot change but is computed when the instance is made: loaded, as what never changes.
;;! has = load.i32 notrap aligned readonly can_move @globals
(module
  (import "" "" (global $base i32))
  (global $here i32 (i32.add (global.get $base) (i32.const 8)))
  (func (result i32)
    (global.get $here)))
