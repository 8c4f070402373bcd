;;! Targets of a jump table that take a value.
;;! has 1 = br_table
(module
  (func (param i32) (result i32)
    (block (result i32)
      (block (result i32)
        (br_table 0 1 (i32.const 5) (local.get 0)))
      (i32.const 1)
      i32.add)))
