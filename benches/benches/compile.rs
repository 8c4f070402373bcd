//! Compilation of large programs, and the memory that it takes. The cases are in `src/cases/compile.rs`.

use std::process::ExitCode;

use tussah_benches::{Bench, ours, peer};

fn main() -> ExitCode {
    let bench = Bench {
        verb: "compile",
        seconds: 70.0,
        ours: ours::compile::cases,
        peer: peer::compile::cases,
        note: "peak: by how much one compilation raises the peak of a fresh process",
    };
    bench.main()
}
