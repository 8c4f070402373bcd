//! What it costs to validate and to compile the example guests.

use anyhow::{Result, ensure};

use super::runtime::{Config, Engine, Module};
use crate::harness::{Case, repeat};

macro_rules! guests {
    ($($name:literal),*) => {
        &[$(($name, include_bytes!(concat!("../../../examples/guests/", $name, ".wasm")))),*]
    };
}

/// The largest last.
const GUESTS: &[(&str, &[u8])] =
    guests!["spin", "storm", "recurse", "hog", "trap", "cpu", "greeter"];

/// Each guest on one thread, then the largest one under other configurations.
///
/// # Errors
///
/// An engine could not be set up.
pub fn cases() -> Result<Vec<Case>> {
    let mut one = Config::new();
    one.parallel_compilation(false);
    let with = |setting: fn(&mut Config) -> &mut Config| setting(&mut one.clone()).clone();

    let mut cases = Vec::new();
    for (name, bytes) in GUESTS {
        cases.push(compile((*name).to_owned(), &one, bytes)?);
    }
    let greeter = GUESTS[GUESTS.len() - 1].1;
    let settings = [
        ("validated only", None),
        (
            "epoch",
            Some(with(|config| config.epoch_interruption(true))),
        ),
        ("fuel", Some(with(|config| config.consume_fuel(true)))),
        (
            "all threads",
            Some(with(|config| config.parallel_compilation(true))),
        ),
    ];
    for (what, config) in settings {
        let name = format!("greeter, {what}");
        cases.push(match config {
            Some(config) => compile(name, &config, greeter)?,
            None => validate(name, greeter),
        });
    }
    Ok(cases)
}

fn compile(name: String, config: &Config, bytes: &'static [u8]) -> Result<Case> {
    let engine = Engine::new(config)?;
    Ok(Case::new(name, move |n| {
        repeat(n, || {
            let module = Module::new(&engine, bytes)?;
            ensure!(module.exports().len() > 0, "exports nothing");
            Ok::<_, anyhow::Error>(())
        })
    }))
}

fn validate(name: String, bytes: &'static [u8]) -> Case {
    let engine = Engine::default();
    Case::new(name, move |n| {
        repeat(n, || Module::validate(&engine, bytes))
    })
}
