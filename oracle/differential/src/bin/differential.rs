//! Many modules of `wasm-smith` in tussah, wasmtime and wasmi: `cargo run --release -p tussah-differential --bin
//! differential -- --modules 200000`.

#![expect(clippy::print_stderr, reason = "says why it fails")]

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use tussah_differential::{Plan, march};

/// Compares modules in tussah, wasmtime and wasmi.
#[derive(Parser)]
struct Arguments {
    /// How many modules
    #[arg(long, default_value_t = 1_000)]
    modules: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many threads
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Where modules that differ are kept
    #[arg(long, default_value = "target/differing")]
    keep: PathBuf,
}

fn main() -> ExitCode {
    let Arguments {
        modules,
        seed,
        jobs,
        keep,
    } = Arguments::parse();
    match march(&Plan {
        modules,
        seed,
        jobs,
        keep,
    }) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("differential: {error}");
            ExitCode::FAILURE
        }
    }
}
