//! The oracle as a test: runs as many modules as asked for, prints the summary, and fails if anything differs.

#![expect(clippy::print_stderr, reason = "says why it fails")]

use std::path::Path;
use std::process::ExitCode;
use tussah_differential::{Options, run};

fn main() -> ExitCode {
    // Whoever lists tests, or asks for one by name, does not want this one to run for minutes.
    if std::env::args().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle");
    match Options::from_env(scratch).and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("oracle: {why}");
            ExitCode::FAILURE
        }
    }
}
