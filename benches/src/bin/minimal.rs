//! The least that a program on the peer can be: `minimal precompile WASM FILE`, `minimal run FILE FOLDER`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use tussah_benches::peer::process::{precompile, run};

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["precompile", wasm, to] => {
            precompile(Path::new(wasm), Path::new(to))?;
            Ok(ExitCode::SUCCESS)
        }
        ["run", compiled, folder] => {
            run(Path::new(compiled), Path::new(folder)).map(ExitCode::from)
        }
        _ => bail!("minimal precompile WASM FILE | minimal run FILE FOLDER"),
    }
}
