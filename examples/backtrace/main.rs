//! A guest that traps some calls deep, and the backtrace that says where in its source: `guests/invoice.c`.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use tussah::{
    Config, Engine, Instance, Module, Result, Store, Trap, WasmBacktrace, WasmBacktraceDetails,
};

fn main() -> Result<()> {
    print!("{}", report()?);
    Ok(())
}

/// Runs the guest and tells how it ended. (For this example's test as well.)
pub(crate) fn report() -> Result<String> {
    // The guest has debug information; without this its functions have names, but no lines.
    let engine = Engine::new(Config::new().wasm_backtrace_details(WasmBacktraceDetails::Enable))?;
    let module = Module::new(&engine, include_bytes!("guests/invoice.wasm"))?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let discount = instance.get_typed_func::<i32, i32>(&mut store, "discount")?;

    let error = discount.call(&mut store, 3).unwrap_err();
    let trap: &Trap = error.downcast_ref().expect("the guest divides by zero");
    let trace: &WasmBacktrace = error.downcast_ref().expect("and it did so inside wasm");

    // One by one, as a host would log them ..
    let mut text = format!("{trap}\n");
    for frame in trace.frames() {
        for symbol in frame.symbols() {
            text += &format!(
                "  {} at {}:{}\n",
                symbol.name().unwrap_or("?"),
                symbol.file().unwrap_or("?"),
                symbol.line().unwrap_or(0),
            );
        }
    }
    // .. or all at once, as the error itself shows them.
    text += &format!("\n{trace}\n");
    Ok(text)
}
