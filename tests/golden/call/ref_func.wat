;;! A reference to a defined function is an address in the context, to an imported one a word of it.
;;! has = readonly can_move .. iadd
;;! lacks = call
(module
  (import "" "" (func $f))
  (func $g)
  (elem declare func $f $g)
  (func (result funcref funcref)
    (ref.func $f)
    (ref.func $g)))
