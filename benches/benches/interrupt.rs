//! Interruptibility: what epoch checks and fuel add to running code. The cases are in `src/cases/interrupt.rs`.

use std::process::ExitCode;

use tussah_benches::{Bench, ours, peer};

fn main() -> ExitCode {
    let bench = Bench {
        verb: "interrupt",
        seconds: 120.0,
        ours: ours::interrupt::cases,
        peer: peer::interrupt::cases,
        note: "fuel, yields: every 10,000 units. Not measured: shootout-nestedloop, whose compiler has folded its loops away",
    };
    bench.main()
}
