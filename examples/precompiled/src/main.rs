//! Runs a program that `tussah compile` made, in a build that cannot compile: `tussah-precompiled FILE [ARGS]`.

#![expect(unsafe_code, reason = "precompiled code runs unchecked")]

use std::process::ExitCode;
use tussah::error::Context;
use tussah::{Engine, Linker, Module, Result, Store};
use tussah_wasi::{I32Exit, WasiCtxBuilder, p1};

async fn run(args: &[String]) -> Result<u8> {
    let path = args.first().context("which file?")?;
    let engine = Engine::default();
    // SAFETY: whoever names a file here trusts it.
    let module = unsafe { Module::deserialize_file(&engine, path) }?;
    let mut linker = Linker::new(&engine);
    p1::add_to_linker_async(&mut linker, |ctx| ctx)?;
    let wasi = WasiCtxBuilder::new().inherit_stdio().args(args).build_p1();
    let mut store = Store::new(&engine, wasi);
    let instance = linker.instantiate_async(&mut store, &module).await?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    match start.call_async(&mut store, ()).await {
        Ok(()) => Ok(0),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => Ok(u8::try_from(exit.0).unwrap_or(1)),
            None => Err(error),
        },
    }
}

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(&args)).map(ExitCode::from)
}
