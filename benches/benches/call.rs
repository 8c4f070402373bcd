//! Calls in either direction: what each crossing costs. The cases are in `src/cases/call.rs`.

use std::process::ExitCode;

use tussah_benches::{Bench, ours, peer};

fn main() -> ExitCode {
    let bench = Bench {
        verb: "call",
        seconds: 24.0,
        ours: ours::call::cases,
        peer: peer::call::cases,
        note: "unboxed (A): on the peer, which has boxed futures only, this is the boxed case again",
    };
    bench.main()
}
