//! The command `tussah`: one file per subcommand.

#![forbid(unsafe_code)]

mod proposals;
mod wast;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Runs WebAssembly.
#[derive(Debug, Parser)]
#[command(name = "tussah", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run test scripts.
    Wast(wast::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Wast(arguments) => wast::execute(&arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            say_error(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A line for people.
#[expect(clippy::print_stdout, reason = "this is what a command does")]
fn say(line: &str) {
    println!("{line}");
}

/// A line about what went wrong.
#[expect(clippy::print_stderr, reason = "this is what a command does")]
fn say_error(line: &str) {
    eprintln!("{line}");
}
