//! Why wasmi 2 is not believed when wasmi 1 contradicts it. Each module here shows a bug of it; one that is gone is to be
//! taken out, and with the last one the older wasmi.

use wasmi::{Engine, Instance, Module, Store};

fn wasmi_2(text: &str) -> Result<i32, String> {
    let engine = Engine::default();
    let module = Module::new(&engine, wat::parse_str(text).expect("a module"));
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module.expect("valid"), &[]).expect("no imports");
    let run = instance.get_typed_func::<i32, i32>(&store, "run");
    let outcome = run.expect("an export").call(&mut store, 0);
    outcome.map_err(|error| error.to_string())
}

/// A `select` whose condition is the same comparison as the operand below it chooses the other value.
#[test]
fn select_on_a_comparison_made_twice() {
    let module = r#"(module (func (export "run") (param i32) (result i32)
        (i32.add (i32.eqz (local.get 0))
            (select (i32.const 3) (i32.const 5) (i32.eqz (local.get 0))))))"#;
    assert_eq!(wasmi_2(module), Ok(6), "1 + 3 would be right");
}
