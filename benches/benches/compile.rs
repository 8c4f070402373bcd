//! Compilation of the example guests. The cases are in `src/cases/compile.rs`.

use std::process::ExitCode;

use tussah_benches::{harness, ours, peer};

fn main() -> ExitCode {
    harness::main("compile", ours::compile::cases, peer::compile::cases)
}
