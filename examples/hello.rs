//! The smallest embedding: one guest, one host function that awaits, one call.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::time::Duration;

use tussah::{Engine, Linker, Module, Result, Store};

const GUEST: &str = r#"(module
    (import "host" "double" (func $double (param i32) (result i32)))
    (func (export "run") (param i32) (result i32)
        (i32.add (call $double (local.get 0)) (i32.const 1))))"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, GUEST)?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap_async("host", "double", |_caller, (n,): (i32,)| {
        Box::new(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            n * 2
        })
    })?;

    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate_async(&mut store, &module).await?;
    let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
    println!("{}", run.call_async(&mut store, 20).await?);
    Ok(())
}
