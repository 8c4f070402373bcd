//! Traps and errors of host functions, with and without backtraces. The cases are in `src/cases/trap.rs`.

use std::process::ExitCode;

use tussah_benches::{Bench, ours, peer};

fn main() -> ExitCode {
    let bench = Bench {
        verb: "trap",
        seconds: 30.0,
        ours: ours::trap::cases,
        peer: peer::trap::cases,
        note: "an operation ends when the error has been dropped",
    };
    bench.main()
}
