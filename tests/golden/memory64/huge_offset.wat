;;! An offset beyond the largest memory traps always, before anything is read.
;;! has = trapnz .. load.i32
(module
  (memory i64 1 2)
  (func (param i64) (result i32)
    (i32.load offset=0xffffffffffffffff (local.get 0))))
