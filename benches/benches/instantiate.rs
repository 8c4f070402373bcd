//! Instantiation: what a store with a fresh instance costs. The cases are in `src/cases/instantiate.rs`.

use std::process::ExitCode;

use tussah_benches::{harness, ours, peer};

fn main() -> ExitCode {
    harness::main(
        "instantiate",
        ours::instantiate::cases,
        peer::instantiate::cases,
    )
}
