//! Interruptibility: what epoch checks and fuel add to running code. The cases are in `src/cases/interrupt.rs`.

use std::process::ExitCode;

use tussah_benches::{harness, ours, peer};

fn main() -> ExitCode {
    harness::main("interrupt", ours::interrupt::cases, peer::interrupt::cases)
}
