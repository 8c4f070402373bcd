;;! A mutable global is a field of the context.
;;! has = load.i64 notrap aligned @globals .. store notrap aligned @globals
(module
  (global $g (mut i64) (i64.const 0))
  (func
    (global.set $g (i64.add (global.get $g) (i64.const 1)))))
