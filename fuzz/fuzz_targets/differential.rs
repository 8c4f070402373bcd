//! tussah, wasmtime and wasmi do the same: see `tussah_differential::Campaign`. Without libFuzzer this is the long run.
#![cfg_attr(feature = "libfuzzer", no_main)]

#[cfg(feature = "libfuzzer")]
mod fuzzed {
    use std::sync::OnceLock;
    use tussah_differential::Campaign;
    use tussah_fuzz::Roomy;

    fn run(data: &[u8]) {
        static THREAD: OnceLock<Roomy<Vec<String>>> = OnceLock::new();
        let thread = THREAD.get_or_init(|| {
            Roomy::new(|| {
                let mut campaign = Campaign::new();
                move |data: &[u8]| {
                    let outcome = campaign.run(data);
                    outcome.map(|o| o.differences).unwrap_or_default()
                }
            })
        });
        let differences = thread.run(data);
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }

    tussah_fuzz::target!(run);
}

#[cfg(not(feature = "libfuzzer"))]
use clap::Parser;

/// Compares modules in tussah, wasmtime and wasmi.
#[cfg(not(feature = "libfuzzer"))]
#[derive(Parser)]
struct Arguments {
    /// How many modules
    #[arg(long, default_value_t = 1_000)]
    modules: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many threads
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Where modules that differ are kept
    #[arg(long, default_value = "target/differing")]
    keep: std::path::PathBuf,
}

#[cfg(not(feature = "libfuzzer"))]
fn main() -> std::io::Result<std::process::ExitCode> {
    let Arguments {
        modules,
        seed,
        jobs,
        keep,
    } = Arguments::parse();
    let plan = tussah_differential::Plan {
        modules,
        seed,
        jobs,
        keep,
    };
    Ok(if tussah_differential::march(&plan)? {
        std::process::ExitCode::SUCCESS
    } else {
        std::process::ExitCode::FAILURE
    })
}
