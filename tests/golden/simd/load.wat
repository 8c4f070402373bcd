;;! A vector is loaded like anything else, and is not thought to be aligned.
;;! has = load.i8x16 little @heap
;;! lacks = load.i8x16 notrap
(module
  (memory 1)
  (func (param i32) (result v128)
    (v128.load align=16 (local.get 0))))
