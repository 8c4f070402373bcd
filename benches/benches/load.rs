//! Loading: what a precompiled module costs until it can be instantiated. The cases are in `src/cases/load.rs`.

use std::process::ExitCode;

use tussah_benches::{Bench, ours, peer};

fn main() -> ExitCode {
    let bench = Bench {
        verb: "load",
        seconds: 20.0,
        ours: ours::load::cases,
        peer: peer::load::cases,
        note: "",
    };
    bench.main()
}
