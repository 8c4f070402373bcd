;;! The alignment in the text is a hint: no access claims to be aligned.
;;! has = load.f64 little @heap
(module
  (memory 1)
  (func (param i32) (result f64)
    (f64.load align=8 (local.get 0))))
