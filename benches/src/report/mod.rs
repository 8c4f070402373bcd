//! Prints what was measured: a table for people, JSON for programs.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its results"
)]

mod json;
mod summary;
mod table;

use crate::harness::{Bench, Outcome};

pub(crate) fn usage(verb: &str, seconds: f64) {
    println!(
        "Usage: {verb} [FILTER] [--quick] [--json] [--seconds SECONDS]

Measures tussah (A) beside wasmtime 48 (B), each case first A against A, then A and B in turn, all in processes of their
own. Every case checks what it computes, and that both sides compute the same.

  FILTER     only cases with this in their names
  --quick    a tenth of the time
  --json     print JSON instead of a table
  --seconds  for all cases together [default: {seconds}]"
    );
}

pub(crate) fn failure(verb: &str, error: &anyhow::Error) {
    eprintln!("{verb}: {error:#}");
}

pub(crate) fn json(bench: &Bench, outcome: &Outcome) {
    println!("{}", json::text(bench, outcome));
}

pub(crate) fn table(bench: &Bench, outcome: &Outcome) {
    print!("{}", table::text(bench, outcome));
}
