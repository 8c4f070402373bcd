;;! Both values are there already: no branch.
;;! has = select 
;;! lacks = brif
(module
  (func (param i32 f64 f64) (result f64)
    (select (local.get 1) (local.get 2) (local.get 0))))
