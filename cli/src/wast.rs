//! `tussah wast`: runs test scripts and says what did not hold.

use crate::proposals::Proposals;
use crate::{say, say_error};
use std::path::PathBuf;
use std::process::ExitCode;
use tussah::error::Context;
use tussah::{Config, Result};
use tussah_wast::Runner;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The scripts, each run by itself.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    proposals: Proposals,
}

/// Runs every script. Each failure is a line on standard error, each script a line on standard output.
///
/// # Errors
///
/// A script cannot be read.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    let runner = Runner::new(Config::new(), arguments.proposals.features())?;
    let mut good = true;
    for file in &arguments.files {
        let name = file.display().to_string();
        let script =
            std::fs::read_to_string(file).with_context(|| format!("cannot read `{name}`"))?;
        let report = runner.run(&name, &script);
        for failure in &report.failures {
            say_error(&failure.to_string());
        }
        say(&format!(
            "{name}: {} directives, {} passed, {} failed",
            report.directives,
            report.passed,
            report.failures.len()
        ));
        good &= report.is_success();
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
