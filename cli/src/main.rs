//! The command `tussah`: one file per subcommand.

#![deny(unsafe_code)]

mod compile;
mod completions;
mod engine;
mod inspect;
mod patience;
mod precompiled;
mod proposals;
mod run;
mod units;
mod values;
mod wast;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// Runs WebAssembly.
#[derive(Debug, Parser)]
#[command(name = "tussah", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

// A command builds its own arguments, not those of the others.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Command {
    /// Run a program.
    Run(Box<run::Arguments>),
    /// Compile a module ahead of time.
    Compile(compile::Arguments),
    /// Show what a module imports, exports and needs.
    Inspect(inspect::Arguments),
    /// Run test scripts.
    Wast(wast::Arguments),
    /// Write a script that completes arguments of this command in a shell.
    Completions(completions::Arguments),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    log();
    let outcome = match cli.command {
        Command::Run(arguments) => run::execute(&arguments),
        Command::Compile(arguments) => compile::execute(&arguments),
        Command::Inspect(arguments) => inspect::execute(&arguments),
        Command::Completions(arguments) => completions::execute(&arguments),
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

/// Sends events to standard error, if `RUST_LOG` asks for any.
fn log() {
    if std::env::var_os("RUST_LOG").is_none() {
        return;
    }
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
}

/// A line for people.
fn say(line: &str) {
    write_line(&mut std::io::stdout().lock(), line);
}

/// A line about what went wrong.
fn say_error(line: &str) {
    write_line(&mut std::io::stderr().lock(), line);
}

/// Where nobody listens any more, there is nothing left to do.
fn write_line(to: &mut dyn Write, line: &str) {
    if let Err(error) = writeln!(to, "{}", harmless(line)).and_then(|()| to.flush()) {
        let quiet = error.kind() == std::io::ErrorKind::BrokenPipe;
        std::process::exit(if quiet { 0 } else { 1 });
    }
}

/// A text that does not drive the terminal, whoever chose the names in it.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}
