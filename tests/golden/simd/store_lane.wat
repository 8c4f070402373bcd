;;! Of a lane as much is stored as it has bytes.
;;! has = extractlane v4, 5 .. store little @heap
(module
  (memory 1)
  (func (param i32 v128)
    (v128.store16_lane 5 (local.get 0) (local.get 1))))
