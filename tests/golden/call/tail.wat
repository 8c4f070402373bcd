;;! A tail call leaves nothing behind.
;;! has = return_call fn0(
(module
  (func $f (param i32) (result i32)
    (local.get 0))
  (func (param i32) (result i32)
    (return_call $f (local.get 0))))
