//! `tussah compile`: compiles ahead of time.

use crate::engine::Compilation;
use crate::patience::patiently;
use crate::say;
use std::path::PathBuf;
use std::process::ExitCode;
use tussah::error::Context;
use tussah::{Engine, Result};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The module, in the binary or the text format.
    file: PathBuf,
    /// Where to put the result; by default beside the module, with the extension `cwasm`.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Compile for `run --fuel`.
    #[arg(long)]
    fuel: bool,
    /// Compile for `run --timeout`.
    #[arg(long)]
    timeout: bool,
    #[command(flatten)]
    compilation: Compilation,
}

/// # Errors
///
/// A file cannot be read or written, or the module is not valid.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    let path = &arguments.file;
    let config = arguments
        .compilation
        .config(arguments.fuel, arguments.timeout)?;
    let engine = Engine::new(&config)?;
    let bytes =
        std::fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
    let compiled = patiently(path, || engine.precompile_module(&bytes))
        .with_context(|| format!("failed to compile `{}`", path.display()))?;
    let output = match &arguments.output {
        Some(output) => output.clone(),
        None => path.with_extension("cwasm"),
    };
    std::fs::write(&output, &compiled)
        .with_context(|| format!("failed to write `{}`", output.display()))?;
    say(&format!(
        "{}: {} bytes of {}",
        output.display(),
        compiled.len(),
        path.display()
    ));
    Ok(ExitCode::SUCCESS)
}
