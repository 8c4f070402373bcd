//! A WASI program in an async host: `cargo run -p tussah-wasi --example wasi [program.wasm [arguments]]`.

#![expect(clippy::print_stdout, reason = "a program speaks")]

use tussah::{Engine, Linker, Module, Result, Store};
use tussah_wasi::{I32Exit, WasiCtxBuilder, p1};

#[tokio::main]
async fn main() -> Result<()> {
    let hello = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/hello_c.wasm");
    let program = std::env::args().nth(1).unwrap_or(hello.into());

    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    p1::add_to_linker_async(&mut linker, |ctx| ctx)?;
    let ctx = WasiCtxBuilder::new()
        .inherit_stdio()
        .inherit_args()
        .build_p1();
    let mut store = Store::new(&engine, ctx);
    let module = Module::from_file(&engine, program)?;
    let instance = linker.instantiate_async(&mut store, &module).await?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    match start.call_async(&mut store, ()).await {
        Err(error) if error.is::<I32Exit>() => println!("{error}"),
        ended => ended?,
    }
    Ok(())
}
