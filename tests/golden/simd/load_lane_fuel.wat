;;! Where fuel is counted, an access of a lane has a mark, by which the count is found if it faults.
;;! config = fuel
;;! has = load.i32 MemoryOutOfBounds#0 little @heap .. insertlane
(module
  (memory 1)
  (func (param i32 v128) (result v128)
    (v128.load32_lane 2 (local.get 0) (local.get 1))))
