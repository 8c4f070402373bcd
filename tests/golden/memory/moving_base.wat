;;! The base of a memory that may move is loaded again after a call.
;;! config = memory-reservation=0, guard=65536
;;! has 4 = load.i64 notrap aligned @bounds
(module
  (import "" "" (func $f))
  (memory 1)
  (func (param i32) (result i32)
    (i32.load (local.get 0))
    (call $f)
    (i32.load (local.get 0))
    i32.add))
