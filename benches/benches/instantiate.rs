//! Instantiation: what a store with a fresh instance costs. The cases are in `src/cases/instantiate.rs`.

use std::process::ExitCode;

use tussah_benches::{Bench, ours, peer};

fn main() -> ExitCode {
    let bench = Bench {
        verb: "instantiate",
        seconds: 20.0,
        ours: ours::instantiate::cases,
        peer: peer::instantiate::cases,
        note: "",
    };
    bench.main()
}
