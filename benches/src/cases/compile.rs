//! What it costs to validate and compile large programs.

use anyhow::{Result, ensure};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::config;
use super::runtime::{Config, Engine, Module};
use crate::case::{Batch, Case, checksum, repeat};
use crate::programs::{program, programs};

/// The largest programs of the suite.
const PROGRAMS: [&str; 3] = ["regex", "pulldown-cmark", "bz2"];

type Set = fn(&mut Config);

/// Each program on one thread and on two, plain and interruptible.
#[must_use]
pub fn cases() -> Vec<Case> {
    let modes: [(&str, Set); 3] = [
        ("plain", |_| {}),
        ("epoch", |config| _ = config.epoch_interruption(true)),
        ("fuel", |config| _ = config.consume_fuel(true)),
    ];
    let mut cases = Vec::new();
    if let Err(error) = programs() {
        cases.push(Case::impossible("the programs of the suite", &error));
        return cases;
    }
    for program in PROGRAMS {
        for (threads, count) in [(1, "1 thread"), (2, "2 threads")] {
            for (mode, set) in modes {
                let name = format!("{program}, {count}, {mode}");
                let sets: &[_] = match threads {
                    1 => &["compilations", "on 1 thread"],
                    _ => &["compilations", "on 2 threads"],
                };
                let case = Case::new(name, move || compile(program, threads, set));
                cases.push(case.sets(sets).with_peak());
            }
        }
    }
    cases
}

/// Both runtimes compile functions in parallel on the pool of threads in which they are called.
fn compile(
    name: &str,
    threads: usize,
    set: Set,
) -> Result<impl FnMut(u64) -> Result<Batch> + use<>> {
    let mut config = config::new();
    config.parallel_compilation(threads > 1);
    set(&mut config);
    let engine = Engine::new(&config)?;
    let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
    let wasm = &program(name)?.wasm;
    Ok(move |n| repeat(n, || one(&pool, &engine, wasm)))
}

fn one(pool: &ThreadPool, engine: &Engine, wasm: &[u8]) -> Result<u64> {
    let module = pool.install(|| Module::new(engine, wasm))?;
    let names = module.exports().map(|export| export.name().to_owned());
    let names: Vec<_> = names.collect();
    ensure!(
        names.iter().any(|name| name == "_start"),
        "exports {names:?}"
    );
    Ok(checksum(names.concat().as_bytes()))
}
