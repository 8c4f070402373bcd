//! Calls in either direction: what each crossing costs. The cases are in `src/cases/call.rs`.

use std::process::ExitCode;

use tussah_benches::{harness, ours, peer};

fn main() -> ExitCode {
    harness::main("call", ours::call::cases, peer::call::cases)
}
