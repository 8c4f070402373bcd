;;! What cannot be reached is not translated.
;;! lacks = imul
;;! has = return
(module
  (func (result i32)
    (return (i32.const 1))
    (i32.mul (i32.const 2))
    (loop (br 0))))
