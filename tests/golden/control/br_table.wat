;;! A jump table, with the default last.
;;! has 1 = br_table
(module
  (func (param i32) (result i32)
    (block
      (block
        (br_table 0 1 0 (local.get 0)))
      (return (i32.const 1)))
    (i32.const 2)))
