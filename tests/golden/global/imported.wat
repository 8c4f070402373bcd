;;! An imported global is one indirection away.
;;! has = readonly can_move .. load.f32 notrap aligned @globals
(module
  (import "" "" (global $g (mut f32)))
  (func (result f32)
    (global.get $g)))
