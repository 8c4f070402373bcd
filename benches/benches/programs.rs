//! Programs from start to end, each in a process of its own: `tussah run` with a warm cache beside a minimal program on the
//! peer that loads what was compiled before. The cases are in `src/processes.rs`.

use std::path::Path;
use std::process::ExitCode;

use tussah_benches::{Bench, processes};

fn main() -> anyhow::Result<ExitCode> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    processes::install(Path::new(env!("CARGO_BIN_EXE_minimal")), folder)?;
    let bench = Bench {
        verb: "programs",
        seconds: 60.0,
        ours: processes::ours,
        peer: processes::peer,
        note: "",
    };
    Ok(bench.main())
}
