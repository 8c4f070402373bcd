;;! Narrow loads extend, narrow stores cut off.
;;! has = sload16.i64 little @heap .. istore32 little @heap .. uload8.i32 little @heap .. istore16 little @heap
(module
  (memory 1)
  (func (param i32)
    (i64.store32 (local.get 0) (i64.load16_s (local.get 0)))
    (i32.store16 (local.get 0) (i32.load8_u (local.get 0)))))
